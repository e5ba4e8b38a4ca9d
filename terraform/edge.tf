# One address for all public functions, where a domain is given; without it each function has its own run.app address.

module "edge" {
  source = "./modules/edge"
  count  = var.domain == null ? 0 : 1

  project_id = var.project_id
  region     = var.region
  domain     = var.domain
  routes     = { for name in local.public : name => { service = module.function[name].service_name, paths = local.client_paths[name] } }

  depends_on = [google_project_service.api]
}
