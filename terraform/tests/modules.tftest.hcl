# What each module builds, looked at from inside.

mock_provider "google" {}

run "a_service" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    name        = "relay"
    function    = { kind = "service", concurrency = 1000, timeout_seconds = 3600, memory = "1Gi", max_instances = 7, cpu_always = true }
    project_id  = "p"
    region      = "europe-west1"
    image       = "images/relay:1"
    account     = "fn-relay@p.iam.gserviceaccount.com"
    audience    = "raptorflow/p/relay"
    internal    = false
    environment = { APP_MODE = "prod" }
    secrets     = { one = "projects/p/secrets/one" }
    topics      = {}
    invokers    = { push = "serviceAccount:push@p.iam.gserviceaccount.com" }
  }

  assert {
    condition     = google_cloud_run_v2_service.service[0].template[0].timeout == "3600s" && google_cloud_run_v2_service.service[0].template[0].max_instance_request_concurrency == 1000
    error_message = "Timeout and concurrency are the function's."
  }

  assert {
    condition     = google_cloud_run_v2_service.service[0].template[0].scaling[0].min_instance_count == 0 && google_cloud_run_v2_service.service[0].template[0].scaling[0].max_instance_count == 7
    error_message = "It scales from nothing to its limit."
  }

  assert {
    condition     = google_cloud_run_v2_service.service[0].template[0].containers[0].resources[0].cpu_idle == false
    error_message = "cpu_always keeps the CPU between requests."
  }

  assert {
    condition     = google_cloud_run_v2_service.service[0].template[0].containers[0].startup_probe[0].http_get[0].path == "/health" && google_cloud_run_v2_service.service[0].template[0].containers[0].liveness_probe[0].http_get[0].path == "/health"
    error_message = "Both probes ask /health."
  }

  assert {
    condition     = google_cloud_run_v2_service.service[0].template[0].service_account == "fn-relay@p.iam.gserviceaccount.com" && jsonencode(google_cloud_run_v2_service.service[0].custom_audiences) == jsonencode(["raptorflow/p/relay"])
    error_message = "It runs as its own account and takes tokens for its own audience."
  }

  assert {
    condition     = google_cloud_run_v2_service.service[0].traffic[0].percent == 100 && google_cloud_run_v2_service.service[0].traffic[0].type == "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
    error_message = "The first revision takes all traffic."
  }

  assert {
    condition     = length(google_project_iam_member.database) == 0 && length(google_storage_bucket_iam_member.artifacts) == 0 && length(google_pubsub_topic_iam_member.publish) == 0
    error_message = "What it does not use it may not use."
  }
}

run "a_service_bills_requests_only" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    name        = "estimate"
    function    = { kind = "service" }
    project_id  = "p"
    region      = "europe-west1"
    image       = "images/estimate:1"
    account     = "fn-estimate@p.iam.gserviceaccount.com"
    audience    = "raptorflow/p/estimate"
    internal    = true
    environment = {}
    secrets     = {}
    topics      = {}
    invokers    = {}
  }

  assert {
    condition     = google_cloud_run_v2_service.service[0].template[0].containers[0].resources[0].cpu_idle && google_cloud_run_v2_service.service[0].ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY"
    error_message = "Idle instances cost nothing, and an internal function is closed."
  }
}

run "a_job" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    name        = "import"
    function    = { kind = "job", timeout_seconds = 1800 }
    project_id  = "p"
    region      = "europe-west1"
    image       = "images/import:1"
    account     = "fn-import@p.iam.gserviceaccount.com"
    audience    = "raptorflow/p/import"
    internal    = true
    environment = { APP_MODE = "prod" }
    secrets     = {}
    topics      = {}
    invokers    = { scheduler = "serviceAccount:scheduler@p.iam.gserviceaccount.com" }
  }

  assert {
    condition     = length(google_cloud_run_v2_service.service) == 0 && google_cloud_run_v2_job.job[0].template[0].template[0].timeout == "1800s" && google_cloud_run_v2_job.job[0].template[0].template[0].service_account == "fn-import@p.iam.gserviceaccount.com"
    error_message = "A job is a job, under its own account."
  }

  assert {
    condition     = length(google_cloud_run_v2_job_iam_member.invoker) == 1 && length(google_cloud_run_v2_service_iam_member.invoker) == 0
    error_message = "Its invokers may start it."
  }
}

run "a_request_of_two_hours_is_refused" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    name        = "slow"
    function    = { kind = "service", timeout_seconds = 7200 }
    project_id  = "p"
    region      = "europe-west1"
    image       = "images/slow:1"
    account     = "fn-slow@p.iam.gserviceaccount.com"
    audience    = "raptorflow/p/slow"
    internal    = true
    environment = {}
    secrets     = {}
    topics      = {}
    invokers    = {}
  }

  expect_failures = [var.function]
}

run "documents" {
  command = plan

  module {
    source = "./modules/documents"
  }

  variables {
    project_id = "p"
    database   = "(default)"
    location   = "europe-west1"
  }

  assert {
    condition     = google_firestore_database.database.delete_protection_state == "DELETE_PROTECTION_ENABLED" && google_firestore_database.database.point_in_time_recovery_enablement == "POINT_IN_TIME_RECOVERY_ENABLED"
    error_message = "The database is protected and can go back in time."
  }

  assert {
    condition     = google_firestore_backup_schedule.daily.retention == "604800s" && google_firestore_backup_schedule.weekly.weekly_recurrence[0].day == "SUNDAY"
    error_message = "It is backed up daily and weekly."
  }

  assert {
    condition     = alltrue([for field in google_firestore_field.expire_at : length(field.ttl_config) == 1 && length(field.index_config) == 1 && length(field.index_config[0].indexes) == 0])
    error_message = "Documents go after expire_at, which has no index."
  }

  assert {
    condition     = alltrue([for field in google_firestore_field.unindexed : length(field.index_config) == 1 && length(field.index_config[0].indexes) == 0 && length(field.ttl_config) == 0])
    error_message = "Large and growing fields have no index and no lifetime."
  }

  assert {
    condition     = length(setintersection(keys(google_firestore_field.unindexed), ["tasks.wake_at", "tasks.status", "tasks.business", "calls.sweep_at", "calls.state", "calls.task", "calls.business", "grants.sweep_at", "notices.sweep_at", "steps.state", "events.seq", "vectors.business", "embeddings.business", "documents.business"])) == 0
    error_message = "What the code asks for stays indexed."
  }

  assert {
    condition     = [for field in google_firestore_index.vectors.fields : field.field_path] == ["business", "embedding"] && google_firestore_index.vectors.fields[1].vector_config[0].dimension == 1536
    error_message = "Vectors are searched within a business."
  }

  assert {
    condition     = alltrue([for index in google_firestore_index.composite : index.fields[0].field_path == "business"])
    error_message = "A composite index begins with whose it is."
  }
}

run "vectors" {
  command = plan

  module {
    source = "./modules/vectors"
  }

  variables {
    region       = "europe-west1"
    dimensions   = 1536
    machine_type = "e2-standard-2"
    replicas     = 2
  }

  assert {
    condition     = google_vertex_ai_index.index.index_update_method == "STREAM_UPDATE" && google_vertex_ai_index.index.metadata[0].config[0].dimensions == 1536 && google_vertex_ai_index.index.metadata[0].config[0].shard_size == "SHARD_SIZE_SMALL"
    error_message = "The index takes single updates and fits the smallest machine."
  }

  assert {
    condition     = google_vertex_ai_index_endpoint_deployed_index.deployed.dedicated_resources[0].min_replica_count == 1 && google_vertex_ai_index_endpoint_deployed_index.deployed.dedicated_resources[0].machine_spec[0].machine_type == "e2-standard-2"
    error_message = "One small node is the least that can be paid for."
  }
}
