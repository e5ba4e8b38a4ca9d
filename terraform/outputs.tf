output "urls" {
  description = "Where each service is reached."
  value       = local.url
}

output "address" {
  description = "Address of the load balancer, for the domain's A record."
  value       = one(module.edge[*].address)
}

output "relay_url" {
  description = "Where clients open the socket."
  value       = local.relay_url
}

output "images" {
  description = "Where images are pushed."
  value       = local.image_base
}

output "access" {
  description = "What each function may do, as granted."
  value       = { for name, function in module.function : name => function.access }
}

output "public" {
  description = "Functions open to anybody."
  value       = sort([for grant in google_cloud_run_v2_service_iam_member.public : grant.name])
}
