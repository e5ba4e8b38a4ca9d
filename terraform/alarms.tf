# Who is told, and of what: money, errors a person should look at, messages that nobody could handle.

resource "google_monitoring_notification_channel" "email" {
  count        = var.alert_email == null ? 0 : 1
  display_name = "RaptorFlow ${var.environment}"
  type         = "email"
  labels       = { email_address = var.alert_email }

  depends_on = [google_project_service.api]
}

locals {
  channels = google_monitoring_notification_channel.email[*].id
}

# A budget tells; it stops nothing. What stops spending on models is the ledger.
resource "google_billing_budget" "month" {
  count           = var.billing_account == null ? 0 : 1
  billing_account = var.billing_account
  display_name    = "RaptorFlow ${var.environment}"

  budget_filter {
    projects = ["projects/${local.project_number}"]
  }

  amount {
    specified_amount {
      units = tostring(var.monthly_budget)
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1.0]
    content {
      threshold_percent = threshold_rules.value
    }
  }

  all_updates_rule {
    monitoring_notification_channels = local.channels
    disable_default_iam_recipients   = false
  }

  depends_on = [google_project_service.api]
}

# The functions log `ERROR` only where a person should look: an unsettled call, a call above its hold, a store out of reach.
resource "google_logging_metric" "errors" {
  name   = "raptorflow/errors"
  filter = "resource.type=\"cloud_run_revision\" severity>=ERROR"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    labels {
      key        = "function"
      value_type = "STRING"
    }
  }

  label_extractors = {
    function = "EXTRACT(resource.labels.service_name)"
  }

  depends_on = [google_project_service.api]
}

resource "google_monitoring_alert_policy" "errors" {
  display_name          = "RaptorFlow ${var.environment}: errors"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = local.channels

  conditions {
    display_name = "A function logged errors for five minutes"
    condition_threshold {
      filter          = "metric.type=\"logging.googleapis.com/user/${google_logging_metric.errors.name}\" AND resource.type=\"cloud_run_revision\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "300s"
      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_SUM"
      }
    }
  }

  documentation {
    content = "Logs Explorer: resource.type=\"cloud_run_revision\" severity>=ERROR. The field `task.id` or `call.id` leads to `GET /v1/tasks/{id}/trace`."
  }
}

resource "google_monitoring_alert_policy" "undelivered" {
  display_name          = "RaptorFlow ${var.environment}: undelivered messages"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = local.channels

  conditions {
    display_name = "A wake-up went to the dead letters"
    condition_threshold {
      filter          = "metric.type=\"pubsub.googleapis.com/subscription/dead_letter_message_count\" AND resource.type=\"pubsub_subscription\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"
      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_SUM"
      }
    }
  }

  documentation {
    content = "The task of each such message is parked, with its reason; `POST /v1/tasks/{id}/retry` takes it up again."
  }

  depends_on = [google_project_service.api]
}
