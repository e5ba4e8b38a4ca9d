#!/usr/bin/env bash
# The steps a project needs once: APIs, the bucket of Terraform's state, where images and secrets go.
#   make setup PROJECT=my-project ENVIRONMENT=staging
. "$(dirname "$0")/common.sh"
need gcloud jq terraform
need_project
need_environment

state_bucket=$PROJECT-tfstate
cat <<EOF
Sets up $PROJECT in $REGION for $ENVIRONMENT:
  1. turns on the APIs Terraform itself needs
  2. makes the bucket gs://$state_bucket for its state
  3. provisions the image repository, the build account and the empty secrets (Terraform asks before it changes anything)
  4. says which secrets to fill in
EOF

run gcloud services enable --project "$PROJECT" \
  serviceusage.googleapis.com cloudresourcemanager.googleapis.com iam.googleapis.com storage.googleapis.com

if gcloud storage buckets describe "gs://$state_bucket" --project "$PROJECT" >/dev/null 2>&1; then
  echo "gs://$state_bucket is there."
else
  run gcloud storage buckets create "gs://$state_bucket" --project "$PROJECT" --location "$REGION" \
    --uniform-bucket-level-access --public-access-prevention
  run gcloud storage buckets update "gs://$state_bucket" --versioning
fi

run terraform "-chdir=$ROOT/terraform" init -reconfigure -input=false "-backend-config=bucket=$state_bucket"
run terraform "-chdir=$ROOT/terraform" apply ${AUTO_APPROVE:+-auto-approve} \
  -var-file "environments/$ENVIRONMENT.tfvars" -var "project_id=$PROJECT" -var "region=$REGION" -var image_tag=none \
  -target google_artifact_registry_repository_iam_member.builder -target google_storage_bucket_iam_member.builder \
  -target google_project_iam_member.builder_logs -target google_secret_manager_secret.secret

echo
echo "Now fill in the secrets; the values go to Secret Manager only:"
jq -r --arg project "$PROJECT" '.secrets | to_entries[]
  | "  # \(.value.description)\(if .value.required then " (required)" else "" end)\n  "
    + (if .key == "jwt_secret" then "openssl rand -base64 48 | tr -d \"\\n\"" else "printf %s \"$VALUE\"" end)
    + " | gcloud secrets versions add \(.key) --project \($project) --data-file=-"' "$TOPOLOGY"
echo "Then: make deploy PROJECT=$PROJECT ENVIRONMENT=$ENVIRONMENT"
