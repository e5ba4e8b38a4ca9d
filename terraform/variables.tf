variable "project_id" {
  description = "The Google Cloud project. Staging and production are projects of their own."
  type        = string
}

variable "environment" {
  description = "APP_MODE of the functions."
  type        = string
  validation {
    condition     = contains(["staging", "prod"], var.environment)
    error_message = "environment is staging or prod."
  }
}

variable "region" {
  description = "Where everything runs. Messages and data stay there."
  type        = string
  default     = "europe-west1"
}

variable "image_tag" {
  description = "Tag of the images a service is created with. Later releases are the rollout scripts' business: Terraform leaves the image of an existing service alone."
  type        = string
}

variable "firestore_database" {
  description = "Name of the Firestore database. Only \"(default)\" has the free quota."
  type        = string
  default     = "(default)"
}

variable "firestore_location" {
  description = "Location of the database, such as eur3; the region when absent. It can never be changed."
  type        = string
  default     = null
}

variable "public_functions" {
  description = "Functions that anybody on the internet may call; they check their clients' own tokens. The functions marked public in topology.json when absent. To open vector-upsert to clients, list it here besides them."
  type        = list(string)
  default     = null
  validation {
    condition     = alltrue([for name in coalesce(var.public_functions, []) : contains(local.reachable, name)])
    error_message = "public_functions may only name functions that clients call: ${join(", ", local.reachable)}."
  }
}

variable "domain" {
  description = "Domain of an HTTPS load balancer in front of the public functions, about 18 USD a month and 0.008 USD a GiB. Without it each function is reached under its own run.app address, free of charge."
  type        = string
  default     = null
}

variable "vertex_vectors" {
  description = "Search vectors with Vertex AI Vector Search instead of Firestore. A deployed index never scales to zero: one e2-standard-2 node costs about 70 USD a month, idle or not. Going back needs the index taken out of the state first, because its vectors are guarded."
  type        = bool
  default     = false
}

variable "vertex_machine_type" {
  description = "Machine of the deployed index. e2-standard-2 is the smallest, and enough for a small shard."
  type        = string
  default     = "e2-standard-2"
}

variable "vertex_replicas" {
  description = "Most nodes of the deployed index; the least is one. Each is billed by the hour."
  type        = number
  default     = 1
}

variable "auth_audience" {
  description = "`aud` of clients' tokens; Supabase issues \"authenticated\"."
  type        = string
  default     = "raptorflow"
}

variable "auth_jwks_url" {
  description = "Where the keys of clients' tokens are published. The secret jwt_secret verifies them when absent."
  type        = string
  default     = null
}

variable "cors_origins" {
  description = "Origins of web pages that may call."
  type        = list(string)
  default     = []
}

variable "lifecycle_lead_days" {
  description = "Roles move to a model's successor this many days before the model ends."
  type        = number
  default     = 7
}

variable "alert_email" {
  description = "Who is told of errors, dead letters and the budget. Nobody when absent."
  type        = string
  default     = null
}

variable "billing_account" {
  description = "Billing account (XXXXXX-XXXXXX-XXXXXX) for the budget alert. No alert when absent."
  type        = string
  default     = null
}

variable "monthly_budget" {
  description = "Amount a month, in the billing account's currency, whose 50, 90 and 100 % are told. Model providers bill elsewhere."
  type        = number
  default     = 100
}
