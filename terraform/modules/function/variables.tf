variable "name" {
  description = "Name of the function, its service and its image."
  type        = string
}

variable "function" {
  description = "How it runs, as topology.json has it."
  type = object({
    kind            = string
    concurrency     = optional(number, 80)
    timeout_seconds = optional(number, 60)
    memory          = optional(string, "512Mi")
    cpu             = optional(string, "1")
    min_instances   = optional(number, 0)
    max_instances   = optional(number, 10)
    cpu_always      = optional(bool, false)
  })
  validation {
    condition     = contains(["service", "job"], var.function.kind)
    error_message = "kind is service or job."
  }
  validation {
    condition     = var.function.timeout_seconds >= 1 && var.function.timeout_seconds <= 3600
    error_message = "Cloud Run ends requests after 3600 seconds at the latest."
  }
}

variable "project_id" {
  description = "The project."
  type        = string
}

variable "region" {
  description = "Where it runs."
  type        = string
}

variable "image" {
  description = "Image of the first revision."
  type        = string
}

variable "account" {
  description = "E-mail of the service account it runs as, which is nobody else's."
  type        = string
}

variable "audience" {
  description = "Audience of the Google-signed tokens it takes."
  type        = string
}

variable "internal" {
  description = "Whether requests from the internet are turned away. Pub/Sub and the scheduler of the project still get through."
  type        = bool
}

variable "environment" {
  description = "Environment variables. Never secrets."
  type        = map(string)
}

variable "secrets" {
  description = "Secrets it may read, by name."
  type        = map(string)
}

variable "topics" {
  description = "Topics it may publish to, by name."
  type        = map(string)
}

variable "database" {
  description = "Firestore database it may use, if any."
  type        = string
  default     = null
}

variable "bucket" {
  description = "Bucket it may read from and add to, if any."
  type        = string
  default     = null
}

variable "invokers" {
  description = "IAM members that may call it, by a name of their own."
  type        = map(string)
}
