# Everything RaptorFlow needs in one project of Google Cloud. What there is to build is in topology.json; this file
# turns that list into services, topics and grants. Data, vectors, the edge and alarms have files of their own.

locals {
  topology  = jsondecode(file("${path.module}/topology.json"))
  functions = local.topology.functions
  topics    = local.topology.topics
  services  = { for name, function in local.functions : name => function if function.kind == "service" }

  project_number = data.google_project.this.number
  pubsub_agent   = "serviceAccount:service-${local.project_number}@gcp-sa-pubsub.iam.gserviceaccount.com"

  # Accounts, addresses and audiences follow from names: functions can know each other without a cycle, and a plan shows
  # who may do what before anything is made.
  domain_of_accounts = "${var.project_id}.iam.gserviceaccount.com"
  account            = { for name in keys(local.functions) : name => "fn-${name}@${local.domain_of_accounts}" }
  push_account       = "pubsub-push@${local.domain_of_accounts}"
  scheduler_account  = "scheduler@${local.domain_of_accounts}"
  builder_account    = "builder@${local.domain_of_accounts}"
  audience           = { for name in keys(local.functions) : name => "raptorflow/${var.project_id}/${name}" }
  url                = { for name in keys(local.services) : name => "https://${name}-${local.project_number}.${var.region}.run.app" }

  # The one function that listens to a topic.
  listener = {
    for topic, settings in local.topics : topic => one([for name, function in local.functions : name if contains(function.listens, topic)])
    if try(settings.ack_deadline_seconds, null) != null
  }
  scheduled = { for name, function in local.functions : name => function.schedule if try(function.schedule, null) != null }
  callers   = { for name in keys(local.functions) : name => [for caller, function in local.functions : caller if contains(function.calls, name)] }

  # What clients call. A function without such a path is woken by Pub/Sub or the scheduler only, and closed to the internet.
  client_paths = {
    for name, function in local.functions : name => [for path in function.paths : path if path != try(function.schedule.path, null)]
  }
  reachable = toset([for name, paths in local.client_paths : name if length(paths) > 0])
  public    = toset(coalesce(var.public_functions, [for name, function in local.functions : name if function.public]))

  # Where the socket is: the tasks function hands this address to clients.
  relay     = one([for name, function in local.functions : name if contains(function.paths, "/ws/*")])
  relay_url = var.domain == null ? replace(local.url[local.relay], "https://", "wss://") : "wss://${var.domain}"

  service_environment = {
    for name, function in local.functions : name => merge(
      {
        APP_MODE            = var.environment
        GCP_PROJECT_ID      = var.project_id
        GCP_REGION          = var.region
        PUSH_AUDIENCE       = local.audience[name]
        LIFECYCLE_LEAD_DAYS = tostring(var.lifecycle_lead_days)
      },
      length(function.listens) == 0 ? {} : { PUSH_SERVICE_ACCOUNT = local.push_account },
      length(local.accepted[name]) == 0 ? {} : { CALLER_SERVICE_ACCOUNTS = join(",", values(local.accepted[name])) },
      { for called in function.calls : "${upper(replace(called, "-", "_"))}_URL" => local.url[called] },
      { for called in function.calls : "${upper(replace(called, "-", "_"))}_AUDIENCE" => local.audience[called] },
      contains(function.stores, "firestore") ? { FIRESTORE_DATABASE = var.firestore_database } : {},
      contains(function.stores, "artifacts") ? { ARTIFACT_BUCKET = google_storage_bucket.artifacts.name } : {},
      contains(function.stores, "vectors") ? local.vector_environment : {},
      !contains(local.reachable, name) ? {} : merge(
        { AUTH_AUDIENCE = var.auth_audience },
        var.auth_jwks_url == null ? {} : { AUTH_JWKS_URL = var.auth_jwks_url },
        length(var.cors_origins) == 0 ? {} : { CORS_ORIGINS = join(",", var.cors_origins) },
      ),
      contains(function.paths, "/v1/tasks") ? { RELAY_URL = local.relay_url } : {},
    )
  }

  # Service accounts that a function takes as callers, by who they are.
  accepted = {
    for name in keys(local.functions) : name => merge(
      { for caller in local.callers[name] : caller => local.account[caller] },
      contains(keys(local.scheduled), name) ? { scheduler = local.scheduler_account } : {},
    )
  }
}

data "google_project" "this" {
  project_id = var.project_id
}

resource "google_project_service" "api" {
  for_each = toset(concat(
    [
      "artifactregistry", "cloudbuild", "cloudresourcemanager", "cloudscheduler", "firestore", "iam", "logging",
      "monitoring", "pubsub", "run", "secretmanager", "serviceusage", "storage",
    ],
    var.vertex_vectors ? ["aiplatform"] : [],
    var.domain == null ? [] : ["compute"],
    var.billing_account == null ? [] : ["billingbudgets"],
  ))
  project            = var.project_id
  service            = "${each.value}.googleapis.com"
  disable_on_destroy = false
}

# Who knocks from outside: Pub/Sub pushes as one account, the scheduler calls as another. Neither may do anything else.
resource "google_service_account" "push" {
  account_id   = "pubsub-push"
  display_name = "Signs what Pub/Sub pushes to the functions"
}

resource "google_service_account" "scheduler" {
  account_id   = "scheduler"
  display_name = "Signs what Cloud Scheduler sends to the functions"
}

# Pub/Sub's own account signs as the push account. Projects younger than April 2021 need no such grant; it does no harm there.
resource "google_service_account_iam_member" "push_token" {
  service_account_id = google_service_account.push.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = local.pubsub_agent
}

# An account for each function. All are made before any function, because a function's invokers are other functions' accounts.
resource "google_service_account" "function" {
  for_each     = local.functions
  account_id   = "fn-${each.key}"
  display_name = "Runs ${each.key}"

  depends_on = [google_project_service.api]
}

module "function" {
  source   = "./modules/function"
  for_each = local.functions

  name        = each.key
  function    = each.value
  project_id  = var.project_id
  region      = var.region
  image       = "${local.image_base}/${each.key}:${var.image_tag}"
  account     = local.account[each.key]
  audience    = local.audience[each.key]
  internal    = !contains(local.reachable, each.key)
  environment = local.service_environment[each.key]
  secrets     = { for name in each.value.secrets : name => google_secret_manager_secret.secret[name].secret_id }
  topics      = { for name in each.value.publishes : name => google_pubsub_topic.topic[name].name }
  database    = contains(each.value.stores, "firestore") ? var.firestore_database : null
  bucket      = contains(each.value.stores, "artifacts") ? google_storage_bucket.artifacts.name : null
  invokers = merge(
    { for name, email in local.accepted[each.key] : name => "serviceAccount:${email}" },
    length(each.value.listens) == 0 ? {} : { push = "serviceAccount:${local.push_account}" },
  )

  # A grant to an account that is not there yet is refused.
  depends_on = [google_project_service.api, google_service_account.function, google_service_account.push, google_service_account.scheduler]
}

# Open to everybody at the edge, because their clients are browsers and servers with tokens of their own, which the
# functions verify. Only what `public_functions` lists.
resource "google_cloud_run_v2_service_iam_member" "public" {
  #checkov:skip=CKV_GCP_102:Clients carry their own tokens, verified inside; who is on the list is tested.
  #checkov:skip=CKV2_TFC_1:The same.
  for_each = local.public
  name     = module.function[each.key].service_name
  location = var.region
  role     = "roles/run.invoker"
  member   = "allUsers"
}

resource "google_pubsub_topic" "topic" {
  for_each = local.topics
  name     = each.key
  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.api]
}

# Pub/Sub's own account puts dead letters into their topic.
resource "google_pubsub_topic_iam_member" "bury" {
  for_each = toset([for topic in values(local.topics) : topic.dead_letter if try(topic.dead_letter, null) != null])
  topic    = google_pubsub_topic.topic[each.key].name
  role     = "roles/pubsub.publisher"
  member   = local.pubsub_agent
}

module "subscription" {
  source   = "./modules/subscription"
  for_each = local.listener

  topic                 = google_pubsub_topic.topic[each.key].name
  endpoint              = "${local.url[each.value]}/push/${each.key}"
  audience              = local.audience[each.value]
  push_account          = local.push_account
  pubsub_agent          = local.pubsub_agent
  ack_deadline_seconds  = local.topics[each.key].ack_deadline_seconds
  max_delivery_attempts = try(local.topics[each.key].max_delivery_attempts, null)
  dead_letter_topic     = try("projects/${var.project_id}/topics/${google_pubsub_topic.topic[local.topics[each.key].dead_letter].name}", null)

  depends_on = [module.function, google_service_account.push]
}

resource "google_cloud_scheduler_job" "schedule" {
  for_each         = local.scheduled
  name             = each.key
  region           = var.region
  schedule         = each.value.cron
  time_zone        = "Etc/UTC"
  attempt_deadline = "${max(15, local.functions[each.key].timeout_seconds)}s"

  http_target {
    http_method = "POST"
    uri         = "${local.url[each.key]}${each.value.path}"
    oidc_token {
      service_account_email = local.scheduler_account
      audience              = local.audience[each.key]
    }
  }

  # The next run is the retry.
  retry_config {
    retry_count = 0
  }

  depends_on = [module.function, google_service_account.scheduler]
}
