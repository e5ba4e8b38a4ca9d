output "service_name" {
  description = "Name of the service; none for a job."
  value       = try(local.service.name, null)
}

output "ingress" {
  description = "Who can reach it at all."
  value       = try(local.service.ingress, null)
}

output "environment" {
  description = "Environment variables as set."
  value = merge(
    try({ for env in local.service.template[0].containers[0].env : env.name => env.value }, {}),
    try({ for env in local.job.template[0].template[0].containers[0].env : env.name => env.value }, {}),
  )
}

output "access" {
  description = "What was granted: read from the grants themselves."
  value = {
    runs_as  = coalesce(try(local.service.template[0].service_account, null), try(local.job.template[0].template[0].service_account, null))
    secrets  = sort([for name, grant in google_secret_manager_secret_iam_member.secret : name])
    topics   = sort([for name, grant in google_pubsub_topic_iam_member.publish : name])
    bucket   = sort([for grant in google_storage_bucket_iam_member.artifacts : grant.role])
    project  = [for grant in google_project_iam_member.database : "${grant.role} if ${grant.condition[0].expression}"]
    invokers = sort(concat([for grant in google_cloud_run_v2_service_iam_member.invoker : grant.member], [for grant in google_cloud_run_v2_job_iam_member.invoker : grant.member]))
    members  = distinct(concat([for grant in google_secret_manager_secret_iam_member.secret : grant.member], [for grant in google_pubsub_topic_iam_member.publish : grant.member], [for grant in google_storage_bucket_iam_member.artifacts : grant.member], google_project_iam_member.database[*].member))
  }
}
