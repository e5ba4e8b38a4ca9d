variable "project_id" {
  description = "The project."
  type        = string
}

variable "region" {
  description = "Where the services are."
  type        = string
}

variable "domain" {
  description = "The domain; its A record must point to the address before the certificate is issued."
  type        = string
}

variable "routes" {
  description = "Which paths go to which service, by function. `/*` may end a path."
  type = map(object({
    service = string
    paths   = list(string)
  }))
}
