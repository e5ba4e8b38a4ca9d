# Who is told what: messages, tokens, environment, schedule, paths.

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}

variables {
  project_id  = "raptorflow-test"
  environment = "staging"
  image_tag   = "abc1234"
}

run "messages" {
  command = plan

  assert {
    condition     = jsonencode(keys(module.subscription)) == jsonencode(["dead-letter", "phase-analytics", "phase-campaign", "phase-research", "phase-strategy"])
    error_message = "Each topic with a listener is pushed; task-events waits for outside consumers."
  }

  assert {
    condition     = alltrue([for topic, subscription in module.subscription : subscription.push.endpoint == "https://${local.listener[topic]}-123456789012.europe-west1.run.app/push/${topic}"])
    error_message = "A topic is pushed to its listener, at /push and its own name."
  }

  assert {
    condition     = alltrue([for topic, subscription in module.subscription : subscription.push.account == local.push_account && subscription.push.audience == module.function[local.listener[topic]].environment.PUSH_AUDIENCE])
    error_message = "Every push is signed for the audience its listener verifies."
  }

  assert {
    condition     = alltrue([for topic, subscription in module.subscription : subscription.push.ack_seconds == (topic == "dead-letter" ? 60 : 600)])
    error_message = "A phase has ten minutes to answer."
  }

  assert {
    condition     = alltrue([for topic, subscription in module.subscription : subscription.push.ttl == "" && subscription.push.first_backoff == "10s"])
    error_message = "Subscriptions never expire and do not retry at once."
  }

  assert {
    condition = alltrue([
      for topic, subscription in module.subscription : topic == "dead-letter" ? subscription.push.dead_letter == null : (
        subscription.push.dead_letter == "projects/raptorflow-test/topics/dead-letter" && subscription.push.attempts == 10 &&
        jsonencode(subscription.push.acknowledges) == jsonencode([local.pubsub_agent])
      )
    ])
    error_message = "What a phase cannot handle in ten deliveries is buried, and Pub/Sub may do so."
  }

  assert {
    condition     = google_pubsub_topic_iam_member.bury["dead-letter"].member == local.pubsub_agent && google_pubsub_topic_iam_member.bury["dead-letter"].role == "roles/pubsub.publisher"
    error_message = "Pub/Sub may publish dead letters."
  }

  assert {
    condition     = alltrue([for name, function in module.function : contains(keys(function.environment), "PUSH_SERVICE_ACCOUNT") == (length(local.functions[name].listens) > 0)])
    error_message = "Listeners, and only they, know the push account."
  }

  assert {
    condition     = google_cloud_scheduler_job.schedule["sweeper"].schedule == "* * * * *" && endswith(google_cloud_scheduler_job.schedule["sweeper"].http_target[0].uri, "/sweep") && google_cloud_scheduler_job.schedule["sweeper"].http_target[0].oidc_token[0].audience == module.function["sweeper"].environment.PUSH_AUDIENCE
    error_message = "The sweep runs every minute, signed for the sweeper."
  }

  assert {
    condition     = google_cloud_scheduler_job.schedule["route-execute"].schedule == "17 5 * * *" && endswith(google_cloud_scheduler_job.schedule["route-execute"].http_target[0].uri, "/v1/models/check")
    error_message = "The providers' lists of models are looked at once a day."
  }

  assert {
    condition     = google_cloud_scheduler_job.schedule["sweeper"].http_target[0].oidc_token[0].service_account_email == module.function["sweeper"].environment.CALLER_SERVICE_ACCOUNTS
    error_message = "The sweeper takes the scheduler, and only it, as a caller."
  }
}

run "environment" {
  command = plan

  assert {
    condition     = alltrue([for function in module.function : function.environment.APP_MODE == "staging" && function.environment.GCP_PROJECT_ID == "raptorflow-test" && function.environment.GCP_REGION == "europe-west1"])
    error_message = "Every function knows its mode, project and region."
  }

  assert {
    condition     = alltrue([for name, function in module.function : try(function.environment.FIRESTORE_DATABASE, "") == (contains(local.functions[name].stores, "firestore") ? "(default)" : "")])
    error_message = "Who keeps documents, and only they, know the database."
  }

  assert {
    condition     = length(distinct([for function in module.function : function.environment.PUSH_AUDIENCE])) == length(module.function)
    error_message = "A token for one function is worth nothing at another."
  }

  assert {
    condition     = module.function["phase-research"].environment.ROUTE_EXECUTE_URL == "https://route-execute-123456789012.europe-west1.run.app" && module.function["phase-research"].environment.ROUTE_EXECUTE_AUDIENCE == module.function["route-execute"].environment.PUSH_AUDIENCE
    error_message = "Phases know where route-execute is and the audience it verifies."
  }

  assert {
    condition     = alltrue([for name, function in module.function : contains(keys(function.environment), "ROUTE_EXECUTE_URL") == contains(local.functions[name].calls, "route-execute")])
    error_message = "Who calls route-execute, and only they, know where it is."
  }

  assert {
    condition     = toset(split(",", module.function["route-execute"].environment.CALLER_SERVICE_ACCOUNTS)) == toset([for account in concat([for name in ["phase-research", "phase-strategy", "phase-campaign", "phase-analytics", "vector-search", "vector-upsert"] : local.account[name]], [local.scheduler_account]) : account])
    error_message = "route-execute takes its callers and the scheduler, and only them, as services."
  }

  assert {
    condition     = alltrue([for name, function in module.function : contains(["route-execute", "sweeper", "vector-search", "vector-upsert"], name) || !contains(keys(function.environment), "CALLER_SERVICE_ACCOUNTS")])
    error_message = "Nobody else takes a service as a caller."
  }

  assert {
    condition     = module.function["vector-upsert"].environment.CALLER_SERVICE_ACCOUNTS == local.account["import-vectors"] && toset(split(",", module.function["vector-search"].environment.CALLER_SERVICE_ACCOUNTS)) == toset([local.account["import-vectors"], local.account["phase-research"]]) && module.function["phase-research"].environment.VECTOR_SEARCH_URL == local.url["vector-search"]
    error_message = "Vectors are kept by the import alone, and searched by it and by research."
  }

  assert {
    condition     = module.function["tasks"].environment.RELAY_URL == "wss://ws-relay-123456789012.europe-west1.run.app"
    error_message = "Clients are sent to the relay."
  }

  assert {
    condition     = alltrue([for name, function in module.function : try(function.environment.VECTOR_BACKEND, null) == (startswith(name, "vector-") ? "firestore" : null)])
    error_message = "Without Vertex AI vectors are searched in Firestore."
  }

  assert {
    condition     = alltrue([for function in module.function : !contains(keys(function.environment), "AUTH_JWKS_URL") && !contains(keys(function.environment), "CORS_ORIGINS")])
    error_message = "What is not configured is not set."
  }

  assert {
    condition     = output.address == null && length(google_billing_budget.month) == 0
    error_message = "What costs, or needs an account, is off until asked for."
  }
}

run "everything_on" {
  command = plan

  override_module {
    target          = module.vectors
    override_during = plan
    outputs = {
      index             = "projects/1/locations/r/indexes/2"
      endpoint          = "projects/1/locations/r/indexEndpoints/3"
      deployed_index_id = "deployed"
      query_base_url    = "https://3.vdb.vertexai.goog"
    }
  }

  variables {
    environment     = "prod"
    vertex_vectors  = true
    domain          = "api.example.com"
    billing_account = "000000-000000-000000"
    alert_email     = "oncall@example.com"
    auth_jwks_url   = "https://auth.example.com/jwks.json"
    cors_origins    = ["https://a.example.com", "https://b.example.com"]
  }

  assert {
    condition     = module.function["vector-search"].environment.VECTOR_BACKEND == "vertex" && module.function["vector-search"].environment.VECTOR_INDEX == "projects/1/locations/r/indexes/2" && module.function["vector-upsert"].environment.VECTOR_INDEX_ENDPOINT == "projects/1/locations/r/indexEndpoints/3" && module.function["vector-search"].environment.VECTOR_DEPLOYED_INDEX_ID == "deployed" && module.function["vector-search"].environment.VERTEX_QUERY_BASE_URL == "https://3.vdb.vertexai.goog"
    error_message = "The vector functions know the index."
  }

  assert {
    condition     = !contains(keys(module.function["tasks"].environment), "VECTOR_BACKEND")
    error_message = "Nobody else does."
  }

  assert {
    condition     = module.function["tasks"].environment.RELAY_URL == "wss://api.example.com" && module.function["tasks"].environment.CORS_ORIGINS == "https://a.example.com,https://b.example.com" && module.function["tasks"].environment.AUTH_JWKS_URL == "https://auth.example.com/jwks.json"
    error_message = "Clients are served under the domain."
  }

  assert {
    condition     = jsonencode(module.edge[0].paths) == jsonencode(sort(flatten([for name in local.public : local.functions[name].paths])))
    error_message = "The load balancer hands on the paths of all public functions and no others."
  }

  assert {
    condition     = length(google_billing_budget.month[0].threshold_rules) == 3 && length(google_monitoring_alert_policy.errors.notification_channels) == 1
    error_message = "Somebody is told of money and errors."
  }
}
