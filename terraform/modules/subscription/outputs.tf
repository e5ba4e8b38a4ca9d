output "push" {
  description = "The subscription as it is."
  value = {
    endpoint      = google_pubsub_subscription.push.push_config[0].push_endpoint
    account       = google_pubsub_subscription.push.push_config[0].oidc_token[0].service_account_email
    audience      = google_pubsub_subscription.push.push_config[0].oidc_token[0].audience
    ack_seconds   = google_pubsub_subscription.push.ack_deadline_seconds
    ttl           = google_pubsub_subscription.push.expiration_policy[0].ttl
    dead_letter   = one(google_pubsub_subscription.push.dead_letter_policy[*].dead_letter_topic)
    attempts      = one(google_pubsub_subscription.push.dead_letter_policy[*].max_delivery_attempts)
    acknowledges  = google_pubsub_subscription_iam_member.dead_letter[*].member
    first_backoff = google_pubsub_subscription.push.retry_policy[0].minimum_backoff
  }
}
