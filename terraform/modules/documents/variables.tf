variable "project_id" {
  description = "The project."
  type        = string
}

variable "database" {
  description = "Name of the database."
  type        = string
}

variable "location" {
  description = "Region or multi-region, for ever."
  type        = string
}
