terraform {
  required_version = ">= 1.11"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 8.7, < 9"
    }
  }

  # The bucket is named at init time, because it exists before this configuration does: `make setup` makes it.
  backend "gcs" {
    prefix = "raptorflow"
  }
}

provider "google" {
  project = var.project_id
  region  = var.region

  # Budgets belong to the billing account; a person's credentials need a project to count the calls against.
  user_project_override = true
  billing_project       = var.project_id
}
