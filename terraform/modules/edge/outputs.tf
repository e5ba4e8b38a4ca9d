output "address" {
  description = "What the domain's A record must say."
  value       = google_compute_global_address.address.address
}

output "routes" {
  description = "Paths by backend, as the load balancer has them."
  value       = { for rule in google_compute_url_map.paths.path_matcher[0].path_rule : rule.service => rule.paths }
}
