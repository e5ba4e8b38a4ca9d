variable "topic" {
  description = "Name of the topic."
  type        = string
}

variable "endpoint" {
  description = "Where messages are pushed."
  type        = string
}

variable "audience" {
  description = "Audience of the token each push carries: what the listener verifies."
  type        = string
}

variable "push_account" {
  description = "E-mail of the account that signs pushes."
  type        = string
}

variable "pubsub_agent" {
  description = "IAM member of Pub/Sub's own account in this project."
  type        = string
}

variable "ack_deadline_seconds" {
  description = "How long the listener has to answer; longer than its work ever takes."
  type        = number
}

variable "max_delivery_attempts" {
  description = "Deliveries in vain before a message goes to the dead letters. It is tried for seven days when absent."
  type        = number
  default     = null
}

variable "dead_letter_topic" {
  description = "Id of the topic for messages that were delivered in vain."
  type        = string
  default     = null
  validation {
    condition     = (var.dead_letter_topic == null) == (var.max_delivery_attempts == null)
    error_message = "A topic has both, a dead-letter topic and a number of attempts, or neither."
  }
}
