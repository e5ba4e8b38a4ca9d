# Pushes a topic's messages to its listener, with a token, until it acknowledges them or they are dead letters.

resource "google_pubsub_subscription" "push" {
  #checkov:skip=CKV2_TFC_6:The dead letters themselves have nowhere else to go; they are tried for seven days.
  name                       = var.topic
  topic                      = var.topic
  ack_deadline_seconds       = var.ack_deadline_seconds
  message_retention_duration = "604800s"

  push_config {
    push_endpoint = var.endpoint
    oidc_token {
      service_account_email = var.push_account
      audience              = var.audience
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  # A quiet month must not end the subscription.
  expiration_policy {
    ttl = ""
  }

  dynamic "dead_letter_policy" {
    for_each = var.max_delivery_attempts == null ? [] : [var.max_delivery_attempts]
    content {
      dead_letter_topic     = var.dead_letter_topic
      max_delivery_attempts = dead_letter_policy.value
    }
  }
}

# Pub/Sub takes a message off before it buries it. Without this grant, and the one on the dead-letter topic, it drops the
# policy in silence.
resource "google_pubsub_subscription_iam_member" "dead_letter" {
  count        = var.max_delivery_attempts == null ? 0 : 1
  subscription = google_pubsub_subscription.push.name
  role         = "roles/pubsub.subscriber"
  member       = var.pubsub_agent
}
