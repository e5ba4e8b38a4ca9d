# Where vectors are searched: Vertex AI Vector Search, which bills every hour, or Firestore, which costs nothing idle.

module "vectors" {
  source = "./modules/vectors"
  count  = var.vertex_vectors ? 1 : 0

  region       = var.region
  dimensions   = 1536
  machine_type = var.vertex_machine_type
  replicas     = var.vertex_replicas

  depends_on = [google_project_service.api]
}

locals {
  vector_environment = var.vertex_vectors ? {
    VECTOR_BACKEND           = "vertex"
    VECTOR_INDEX             = module.vectors[0].index
    VECTOR_INDEX_ENDPOINT    = module.vectors[0].endpoint
    VECTOR_DEPLOYED_INDEX_ID = module.vectors[0].deployed_index_id
    VERTEX_QUERY_BASE_URL    = module.vectors[0].query_base_url
  } : { VECTOR_BACKEND = "firestore" }
}

# Vertex AI has no grants on a single index, so this one is project-wide; its two permissions are all it holds.
resource "google_project_iam_custom_role" "vectors" {
  count       = var.vertex_vectors ? 1 : 0
  role_id     = "raptorflowVectors"
  title       = "RaptorFlow vectors"
  description = "Query an index and change its data points"
  permissions = ["aiplatform.indexEndpoints.queryVectors", "aiplatform.indexes.update"]
}

resource "google_project_iam_member" "vectors" {
  for_each = var.vertex_vectors ? toset([for name, function in local.functions : name if contains(function.stores, "vectors")]) : toset([])
  project  = var.project_id
  role     = "projects/${var.project_id}/roles/${google_project_iam_custom_role.vectors[0].role_id}"
  member   = "serviceAccount:${local.account[each.key]}"

  depends_on = [google_service_account.function]
}
