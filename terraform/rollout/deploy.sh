#!/usr/bin/env bash
# From the committed sources to traffic: images, infrastructure, new revisions without traffic, smoke test, three steps.
#   make deploy PROJECT=my-project ENVIRONMENT=staging [TOKEN=…]
. "$(dirname "$0")/common.sh"
need gcloud jq curl git terraform
need_project
need_environment

cd "$ROOT"
if [ -z "${TAG:-}" ]; then
  [ -z "$(git status --porcelain -- Cargo.toml Cargo.lock common functions)" ] \
    || die "what images are built from has uncommitted changes; commit them, or name the images yourself: TAG=…"
  TAG=$(git rev-parse --short=12 HEAD)
fi
repository=$REGION-docker.pkg.dev/$PROJECT/raptorflow
mapfile -t names < <(services)
mapfile -t jobs < <(jobs_listed)
everything=("${names[@]}" "${jobs[@]}")

cat <<EOF
Deploys $TAG to $PROJECT ($ENVIRONMENT, $REGION):
  1. builds the images that are not there yet, for: ${everything[*]}
  2. applies Terraform (it asks first)
  3. makes a revision of each function with the new image, without traffic, tagged "next"
  4. smoke test of those revisions
  5. traffic in three steps, 10, 50 and 100 %, with health checks between
EOF

missing=()
for name in "${everything[@]}"; do
  gcloud artifacts docker images describe "$repository/$name:$TAG" >/dev/null 2>&1 || missing+=("$name")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "All images of $TAG are there."
else
  run gcloud builds submit . --project "$PROJECT" --region "$REGION" --config terraform/cloudbuild.yaml \
    --service-account "projects/$PROJECT/serviceAccounts/builder@$PROJECT.iam.gserviceaccount.com" \
    --gcs-source-staging-dir "gs://$PROJECT-sources/source" \
    --substitutions "_FUNCTIONS=${missing[*]},_REPOSITORY=$repository,_TAG=$TAG,_SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)"
fi

run terraform -chdir=terraform init -reconfigure -input=false "-backend-config=bucket=$PROJECT-tfstate"
run terraform -chdir=terraform apply ${AUTO_APPROVE:+-auto-approve} \
  -var-file "environments/$ENVIRONMENT.tfvars" -var "project_id=$PROJECT" -var "region=$REGION" -var "image_tag=$TAG"

for name in "${names[@]}"; do
  service=$(describe "$name" 2>/dev/null) || service=
  if [ -z "$service" ]; then
    # Only a dry run gets here: Terraform has just made it otherwise.
    [ -n "$DRY_RUN" ] || die "$name is not there after terraform apply"
    echo "$name does not exist yet: Terraform makes it."
    continue
  fi
  newest=$(jq -r .status.latestCreatedRevisionName <<<"$service")
  if [ "$(jq -r '.spec.template.spec.containers[0].image' <<<"$service")" = "$repository/$name:$TAG" ]; then
    # Traffic that follows whatever is newest would follow the next apply as well, without steps.
    pin=()
    if jq -e 'any(.spec.traffic[]?; .latestRevision == true and (.percent // 0) > 0)' <<<"$service" >/dev/null; then
      pin=(--to-revisions "$newest=100")
    fi
    run gcloud run services update-traffic "$name" --project "$PROJECT" --region "$REGION" --quiet \
      "${pin[@]}" --update-tags "next=$newest"
  else
    run gcloud run services update "$name" --project "$PROJECT" --region "$REGION" --quiet \
      --image "$repository/$name:$TAG" --no-traffic --tag next
  fi
done
for name in "${jobs[@]}"; do
  run gcloud run jobs update "$name" --project "$PROJECT" --region "$REGION" --quiet --image "$repository/$name:$TAG"
done

number=$(gcloud projects describe "$PROJECT" --format 'value(projectNumber)')
next="https://next---{function}-$number.$REGION.run.app"
if [ -n "$DRY_RUN" ]; then
  echo "+ smoke test of $next, then traffic in steps of 10, 50 and 100 %"
  exit 0
fi
URL=$next "$ROOT/terraform/rollout/smoke.sh" || die "the new revisions fail the smoke test; no traffic was moved"
for percent in 10 50 100; do
  PERCENT=$percent "$ROOT/terraform/rollout/rollout.sh"
done
