# Where data lives: documents, large artefacts, secrets, images. What must not be lost by a mistyped command is guarded
# twice: by Google's own deletion protection and by prevent_destroy.

module "documents" {
  source = "./modules/documents"

  project_id = var.project_id
  database   = var.firestore_database
  location   = coalesce(var.firestore_location, var.region)

  depends_on = [google_project_service.api]
}

# Answers and artefacts of more than 200 KiB, named by their own hash: written once, read often, never changed.
# There is no deletion by age: the same content may belong to a younger document as well.
resource "google_storage_bucket" "artifacts" {
  #checkov:skip=CKV_GCP_62:Who reads what is in the audit logs.
  name                        = "${var.project_id}-artifacts"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 7
    }
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 30
    }
  }

  lifecycle_rule {
    action {
      type          = "SetStorageClass"
      storage_class = "NEARLINE"
    }
    condition {
      age                   = 100
      matches_storage_class = ["STANDARD"]
    }
  }

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_project_service.api]
}

# Names only: values are added by hand and never pass through Terraform or its state.
resource "google_secret_manager_secret" "secret" {
  for_each            = local.topology.secrets
  secret_id           = each.key
  deletion_protection = true
  annotations         = { description = each.value.description }

  replication {
    auto {}
  }

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_project_service.api]
}

locals {
  image_base = "${var.region}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.images.repository_id}"
}

resource "google_artifact_registry_repository" "images" {
  #checkov:skip=CKV_GCP_84:Google's own encryption is enough for images without secrets.
  repository_id          = "raptorflow"
  description            = "Images of the functions"
  location               = var.region
  format                 = "DOCKER"
  cleanup_policy_dry_run = false

  docker_config {
    immutable_tags = true
  }

  # Ten releases to roll back to; a KEEP policy wins over a DELETE policy.
  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 10
    }
  }

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      tag_state  = "ANY"
      older_than = "30d"
    }
  }

  depends_on = [google_project_service.api]
}

# Cloud Build works as an account of its own: it reads the uploaded sources, writes images and logs, nothing else.
resource "google_service_account" "builder" {
  account_id   = "builder"
  display_name = "Builds images"

  depends_on = [google_project_service.api]
}

resource "google_storage_bucket" "sources" {
  #checkov:skip=CKV_GCP_62:Uploads of a week; who reads them is in the audit logs.
  #checkov:skip=CKV_GCP_78:Uploads of a week need no versions.
  name                        = "${var.project_id}-sources"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 7
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_storage_bucket_iam_member" "builder" {
  bucket = google_storage_bucket.sources.name
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:${local.builder_account}"

  depends_on = [google_service_account.builder]
}

resource "google_artifact_registry_repository_iam_member" "builder" {
  repository = google_artifact_registry_repository.images.repository_id
  location   = var.region
  role       = "roles/artifactregistry.writer"
  member     = "serviceAccount:${local.builder_account}"

  depends_on = [google_service_account.builder]
}

resource "google_project_iam_member" "builder_logs" {
  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = "serviceAccount:${local.builder_account}"

  depends_on = [google_service_account.builder]
}
