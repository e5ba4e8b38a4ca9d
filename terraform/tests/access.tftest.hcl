# Who may do what. Every claim is read from the planned or applied resources, not from topology.json alone.

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}

variables {
  project_id  = "raptorflow-test"
  environment = "staging"
  image_tag   = "abc1234"
}

run "least_privilege" {
  command = plan

  assert {
    condition     = alltrue([for name, account in google_service_account.function : local.account[name] == "${account.account_id}@raptorflow-test.iam.gserviceaccount.com"]) && local.push_account == "${google_service_account.push.account_id}@raptorflow-test.iam.gserviceaccount.com" && local.scheduler_account == "${google_service_account.scheduler.account_id}@raptorflow-test.iam.gserviceaccount.com" && local.builder_account == "${google_service_account.builder.account_id}@raptorflow-test.iam.gserviceaccount.com"
    error_message = "The accounts that grants name are the accounts that are made."
  }

  assert {
    condition     = alltrue([for name, access in output.access : name == "route-execute" || length(setintersection(access.secrets, ["openai_api_key", "gemini_api_key"])) == 0])
    error_message = "Only route-execute may read provider keys."
  }

  assert {
    condition     = length(setintersection(output.access["route-execute"].secrets, ["openai_api_key", "gemini_api_key"])) == 2
    error_message = "route-execute reads both provider keys."
  }

  assert {
    condition     = alltrue([for name, access in output.access : jsonencode(access.secrets) == jsonencode(sort(local.functions[name].secrets))])
    error_message = "A function reads the secrets on its list and no others."
  }

  assert {
    condition     = alltrue([for name, access in output.access : jsonencode(access.topics) == jsonencode(sort(local.functions[name].publishes))])
    error_message = "A function publishes to the topics on its list and no others."
  }

  assert {
    condition = alltrue([
      for name in ["phase-research", "phase-strategy", "phase-campaign", "phase-analytics"] :
      jsonencode(output.access[name].invokers) == jsonencode(["serviceAccount:${local.push_account}"])
    ])
    error_message = "Only the push account may invoke a phase."
  }

  assert {
    condition     = jsonencode(output.access["sweeper"].invokers) == jsonencode(sort(["serviceAccount:${local.push_account}", "serviceAccount:${local.scheduler_account}"]))
    error_message = "Only the push account and the scheduler may invoke the sweeper."
  }

  assert {
    condition     = jsonencode(output.access["vector-upsert"].invokers) == jsonencode(["serviceAccount:${local.account["import-vectors"]}"])
    error_message = "Nobody but the import may invoke vector-upsert until somebody is let in."
  }

  assert {
    condition = jsonencode(output.access["route-execute"].invokers) == jsonencode(sort(concat([
      for name in ["phase-research", "phase-strategy", "phase-campaign", "phase-analytics", "vector-search", "vector-upsert"] : "serviceAccount:${local.account[name]}"
    ], ["serviceAccount:${local.scheduler_account}"])))
    error_message = "The functions that call route-execute, and the scheduler that has it look at the models, may invoke it by name."
  }

  assert {
    condition     = jsonencode(output.public) == jsonencode(["budget-check", "estimate", "route-execute", "tasks", "vector-search", "ws-relay"])
    error_message = "Only relay, tasks, estimate, budget-check, execute and vector search are public."
  }

  assert {
    condition     = alltrue([for name, function in module.function : (function.ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY") == (startswith(name, "phase-") || name == "sweeper") if local.functions[name].kind == "service"])
    error_message = "Phases and sweeper, and only they, are closed to the internet."
  }

  assert {
    condition     = length(distinct([for access in output.access : access.runs_as])) == length(local.functions)
    error_message = "Every function runs as an account of its own."
  }

  assert {
    condition     = alltrue([for name, access in output.access : access.runs_as == local.account[name]])
    error_message = "No function runs as a default account or as another's."
  }

  assert {
    condition     = alltrue([for name, access in output.access : length(setsubtract(access.members, ["serviceAccount:${access.runs_as}"])) == 0])
    error_message = "A function's grants are its own account's."
  }

  assert {
    condition = alltrue([
      for name, access in output.access :
      jsonencode(access.project) == jsonencode(contains(local.functions[name].stores, "firestore") ? ["roles/datastore.user if resource.name == \"projects/raptorflow-test/databases/(default)\""] : [])
    ])
    error_message = "The only project-wide role is Firestore's, and only on this database."
  }

  assert {
    condition     = length(google_project_iam_member.vectors) == 0 && length(google_project_iam_custom_role.vectors) == 0
    error_message = "Without Vertex AI nobody holds a role for it."
  }

  assert {
    condition     = alltrue([for access in output.access : length(setsubtract(access.bucket, ["roles/storage.objectCreator", "roles/storage.objectViewer"])) == 0])
    error_message = "No function may change or delete artefacts."
  }

  assert {
    condition     = length(setintersection([for access in output.access : access.runs_as], [local.push_account, local.scheduler_account, local.builder_account])) == 0
    error_message = "No function runs as the push account, the scheduler or the builder."
  }

  assert {
    condition     = google_service_account.push.account_id == "pubsub-push" && google_service_account_iam_member.push_token.member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    error_message = "Pub/Sub signs as the push account and nobody else."
  }

  assert {
    condition     = alltrue([for function in module.function : length(setintersection([for name in keys(function.environment) : lower(name)], keys(local.topology.secrets))) == 0])
    error_message = "No secret is an environment variable."
  }

  assert {
    condition     = alltrue([for secret in google_secret_manager_secret.secret : secret.deletion_protection]) && google_storage_bucket.artifacts.public_access_prevention == "enforced" && !google_storage_bucket.artifacts.force_destroy
    error_message = "Secrets and artefacts are guarded."
  }
}

run "vertex_grants_two_permissions_to_two_functions" {
  command = plan

  variables {
    vertex_vectors = true
  }

  assert {
    condition     = jsonencode(keys(google_project_iam_member.vectors)) == jsonencode(["vector-search", "vector-upsert"])
    error_message = "Only the vector functions reach the index."
  }

  assert {
    condition     = alltrue([for name, grant in google_project_iam_member.vectors : grant.role == "projects/raptorflow-test/roles/raptorflowVectors" && grant.member == "serviceAccount:${local.account[name]}"])
    error_message = "Each holds the narrow role under its own account."
  }

  assert {
    condition     = toset(google_project_iam_custom_role.vectors[0].permissions) == toset(["aiplatform.indexEndpoints.queryVectors", "aiplatform.indexes.update"])
    error_message = "The role queries and updates, nothing more."
  }
}

run "the_list_opens_a_function" {
  command = plan

  variables {
    public_functions = ["tasks", "vector-upsert"]
  }

  assert {
    condition     = jsonencode(keys(google_cloud_run_v2_service_iam_member.public)) == jsonencode(["tasks", "vector-upsert"])
    error_message = "Exactly the functions on the list are public."
  }
}

run "a_phase_cannot_be_opened" {
  command = plan

  variables {
    public_functions = ["tasks", "phase-research"]
  }

  expect_failures = [var.public_functions]
}
