output "address" {
  description = "What the domain's A record must say."
  value       = google_compute_global_address.address.address
}

output "paths" {
  description = "Paths the load balancer hands on."
  value       = sort(flatten([for rule in google_compute_url_map.paths.path_matcher[0].path_rule : tolist(rule.paths)]))
}
