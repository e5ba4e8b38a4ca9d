# Made-up values with every option on, for checks without a project.
project_id      = "raptorflow-ci"
environment     = "staging"
image_tag       = "0000000"
vertex_vectors  = true
domain          = "api.raptorflow.example"
alert_email     = "oncall@raptorflow.example"
billing_account = "000000-000000-000000"
auth_jwks_url   = "https://auth.raptorflow.example/.well-known/jwks.json"
cors_origins    = ["https://app.raptorflow.example"]
