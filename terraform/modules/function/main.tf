# One function of the house: a Cloud Run service or job, what it may do, and who may call it.

locals {
  member  = "serviceAccount:${var.account}"
  service = one(google_cloud_run_v2_service.service[*])
  job     = one(google_cloud_run_v2_job.job[*])
}

resource "google_cloud_run_v2_service" "service" {
  count    = var.function.kind == "service" ? 1 : 0
  name     = var.name
  location = var.region
  ingress  = var.internal ? "INGRESS_TRAFFIC_INTERNAL_ONLY" : "INGRESS_TRAFFIC_ALL"

  # A fixed audience, because a service that had to know its own address could not be created.
  custom_audiences = [var.audience]

  # It keeps nothing; what must not be deleted is the data.
  deletion_protection = false

  template {
    service_account                  = var.account
    timeout                          = "${var.function.timeout_seconds}s"
    max_instance_request_concurrency = var.function.concurrency

    scaling {
      min_instance_count = var.function.min_instances
      max_instance_count = var.function.max_instances
    }

    containers {
      image = var.image

      ports {
        container_port = 8080
      }

      resources {
        limits            = { cpu = var.function.cpu, memory = var.function.memory }
        cpu_idle          = !var.function.cpu_always
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = var.environment
        content {
          name  = env.key
          value = env.value
        }
      }

      startup_probe {
        period_seconds    = 1
        timeout_seconds   = 1
        failure_threshold = 30
        http_get {
          path = "/health"
          port = 8080
        }
      }

      liveness_probe {
        period_seconds    = 30
        timeout_seconds   = 5
        failure_threshold = 3
        http_get {
          path = "/health"
          port = 8080
        }
      }
    }
  }

  traffic {
    type    = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
    percent = 100
  }

  # A release puts in the image and shifts the traffic; the next apply must not undo it.
  lifecycle {
    ignore_changes = [traffic, template[0].containers[0].image, template[0].revision, client, client_version]
  }
}

resource "google_cloud_run_v2_job" "job" {
  count    = var.function.kind == "job" ? 1 : 0
  name     = var.name
  location = var.region

  deletion_protection = false

  template {
    task_count = 1

    template {
      service_account = var.account
      timeout         = "${var.function.timeout_seconds}s"
      max_retries     = 1

      containers {
        image = var.image

        resources {
          limits = { cpu = var.function.cpu, memory = var.function.memory }
        }

        dynamic "env" {
          for_each = var.environment
          content {
            name  = env.key
            value = env.value
          }
        }
      }
    }
  }

  lifecycle {
    ignore_changes = [template[0].template[0].containers[0].image, client, client_version]
  }
}

# Who may call it.
resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = var.function.kind == "service" ? var.invokers : {}
  name     = local.service.name
  location = var.region
  role     = "roles/run.invoker"
  member   = each.value
}

resource "google_cloud_run_v2_job_iam_member" "invoker" {
  for_each = var.function.kind == "job" ? var.invokers : {}
  name     = local.job.name
  location = var.region
  role     = "roles/run.invoker"
  member   = each.value
}

# What it may do: only on what it needs, and on nothing project-wide but its database.
resource "google_secret_manager_secret_iam_member" "secret" {
  for_each  = var.secrets
  secret_id = each.value
  role      = "roles/secretmanager.secretAccessor"
  member    = local.member
}

resource "google_pubsub_topic_iam_member" "publish" {
  for_each = var.topics
  topic    = each.value
  role     = "roles/pubsub.publisher"
  member   = local.member
}

# It may add and read, not change or delete: artefacts are named by their content.
resource "google_storage_bucket_iam_member" "artifacts" {
  for_each = toset(var.bucket == null ? [] : ["roles/storage.objectCreator", "roles/storage.objectViewer"])
  bucket   = var.bucket
  role     = each.value
  member   = local.member
}

# Firestore has no grants on one database; the condition makes this one.
resource "google_project_iam_member" "database" {
  count   = var.database == null ? 0 : 1
  project = var.project_id
  role    = "roles/datastore.user"
  member  = local.member

  condition {
    title      = "only-${replace(var.database, "/[()]/", "")}"
    expression = "resource.name == \"projects/${var.project_id}/databases/${var.database}\""
  }
}
