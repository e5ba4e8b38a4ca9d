# The Firestore database: protected, backed up, with the indexes that the code's queries need and without those that
# would only cost. Which collections there are: common/workflow/src/documents.rs.

resource "google_firestore_database" "database" {
  project                           = var.project_id
  name                              = var.database
  location_id                       = var.location
  type                              = "FIRESTORE_NATIVE"
  concurrency_mode                  = "OPTIMISTIC"
  delete_protection_state           = "DELETE_PROTECTION_ENABLED"
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED"

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_firestore_backup_schedule" "daily" {
  project   = var.project_id
  database  = google_firestore_database.database.name
  retention = "604800s"
  daily_recurrence {}
}

resource "google_firestore_backup_schedule" "weekly" {
  project   = var.project_id
  database  = google_firestore_database.database.name
  retention = "8467200s"
  weekly_recurrence {
    day = "SUNDAY"
  }
}

locals {
  # Queries over two fields, in the order of the query: equalities first, then the field it is sorted by.
  composite = {
    tasks_by_age        = { collection = "tasks", fields = [["business", "ASCENDING"], ["created_at", "DESCENDING"]] }
    tasks_by_status     = { collection = "tasks", fields = [["business", "ASCENDING"], ["status", "ASCENDING"], ["created_at", "DESCENDING"]] }
    calls_by_age        = { collection = "calls", fields = [["business", "ASCENDING"], ["created_at", "ASCENDING"]] }
    grants_by_next_look = { collection = "grants", fields = [["business", "ASCENDING"], ["sweep_at", "ASCENDING"]] }
  }

  # Collections whose documents say when they may go. Firestore deletes them within a day or so after.
  expiring = toset(["artifacts", "calls", "cancels", "events", "grants", "idempotency", "notices", "steps", "tasks"])

  # Fields no query names: large texts, free-form maps, and instants that grow with every write. An index on them would
  # be paid with every commit, and the growing ones would put all writes of a collection in one place.
  unindexed = {
    artifacts   = ["content", "findings", "updated_at"]
    calls       = ["attempts", "call_until", "response", "verdict"]
    documents   = ["created_at", "metadata", "title"]
    events      = ["data", "timestamp"]
    grants      = ["flushed_at", "slices"]
    idempotency = ["result"]
    notices     = ["created_at"]
    steps       = ["answer", "finished_at", "request", "started_at"]
    tasks       = ["artifacts", "finished_at", "input", "lease", "route_backs", "steps_done"]
    embeddings  = ["embedding", "id", "metadata"]
    vectors     = ["metadata", "text"]
  }
  # The counter by which every commit changes its document; nobody asks for it.
  revision = "_rev"
}

resource "google_firestore_index" "composite" {
  for_each   = local.composite
  project    = var.project_id
  database   = google_firestore_database.database.name
  collection = each.value.collection

  dynamic "fields" {
    for_each = each.value.fields
    content {
      field_path = fields.value[0]
      order      = fields.value[1]
    }
  }
}

# Nearest neighbours within one business: the filter comes first, the vector last.
resource "google_firestore_index" "vectors" {
  project    = var.project_id
  database   = google_firestore_database.database.name
  collection = "embeddings"

  fields {
    field_path = "business"
    order      = "ASCENDING"
  }

  fields {
    field_path = "embedding"
    vector_config {
      dimension = 1536
      flat {}
    }
  }
}

resource "google_firestore_field" "expire_at" {
  for_each   = local.expiring
  project    = var.project_id
  database   = google_firestore_database.database.name
  collection = each.value
  field      = "expire_at"

  ttl_config {}
  index_config {}
}

resource "google_firestore_field" "unindexed" {
  for_each   = merge([for collection, fields in local.unindexed : { for field in concat(fields, [local.revision]) : "${collection}.${field}" => { collection = collection, field = field } }]...)
  project    = var.project_id
  database   = google_firestore_database.database.name
  collection = each.value.collection
  field      = each.value.field

  index_config {}
}
