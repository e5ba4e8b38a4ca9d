variable "region" {
  description = "Where the index is."
  type        = string
}

variable "dimensions" {
  description = "Length of a vector."
  type        = number
}

variable "machine_type" {
  description = "Machine of each node."
  type        = string
}

variable "replicas" {
  description = "Most nodes."
  type        = number
}
