output "index" {
  description = "The index's resource name."
  value       = google_vertex_ai_index.index.id
}

output "endpoint" {
  description = "The endpoint's resource name."
  value       = google_vertex_ai_index_endpoint.endpoint.id
}

output "deployed_index_id" {
  description = "Id under which the endpoint serves the index."
  value       = google_vertex_ai_index_endpoint_deployed_index.deployed.deployed_index_id
}

output "query_base_url" {
  description = "Where queries go; the endpoint has a host of its own."
  value       = "https://${google_vertex_ai_index_endpoint.endpoint.public_endpoint_domain_name}"
}
