output "database" {
  description = "Name of the database, once it is there."
  value       = google_firestore_database.database.name
}

output "expiring" {
  description = "Collections whose documents are deleted after `expire_at`."
  value       = sort([for field in google_firestore_field.expire_at : field.collection])
}
