#!/usr/bin/env bash
# Moves a share of every function's traffic to its newest revision, one function after the other.
#   make rollout PROJECT=my-project PERCENT=10      (then 50, then 100)
. "$(dirname "$0")/common.sh"
need gcloud jq curl
need_project
case "${PERCENT:-}" in
  10 | 50 | 100) ;;
  *) die "say how much: PERCENT=10, PERCENT=50 or PERCENT=100" ;;
esac

mapfile -t names < <(services)
declare -A service newest previous
declare -a moving=()

echo "Traffic in $PROJECT ($REGION), in this order:"
for name in "${names[@]}"; do
  service[$name]=$(describe "$name") || die "$name cannot be read"
  read -r latest share before < <(traffic_of "${service[$name]}")
  newest[$name]=$latest
  previous[$name]=$before
  if [ "$share" -ge "$PERCENT" ]; then
    echo "  $name: $latest has $share % already"
  elif [ "$before" = - ]; then
    die "$name has no revision with traffic besides $latest; give it traffic by hand first"
  else
    echo "  $name: $latest from $share to $PERCENT %, the rest to $before"
    moving+=("$name")
  fi
done
[ ${#moving[@]} -gt 0 ] || { echo "Nothing to move."; exit 0; }

stop() {
  echo "Stopped: $1."
  if [ -n "${moved:-}" ]; then
    echo "Moved so far:$moved. To send all traffic back: make rollback PROJECT=$PROJECT REGION=$REGION"
  else
    echo "No traffic was moved."
  fi
  exit 1
}

moved=
if [ -z "$DRY_RUN" ]; then
  echo "Every newest revision, before it gets traffic:"
  for name in "${moving[@]}"; do
    healthy "$name" "${newest[$name]}" "$(tagged_url "${service[$name]}" next)" || stop "$name is not healthy"
  done
fi

since=$(date -u +%Y-%m-%dT%H:%M:%SZ)
for name in "${moving[@]}"; do
  split="${newest[$name]}=$PERCENT"
  [ "$PERCENT" -eq 100 ] || split+=",${previous[$name]}=$((100 - PERCENT))"
  run gcloud run services update-traffic "$name" --project "$PROJECT" --region "$REGION" --quiet \
    --to-revisions "$split" --set-tags "next=${newest[$name]},previous=${previous[$name]}" || stop "$name could not be moved"
  [ -z "$DRY_RUN" ] || continue
  moved+=" $name"
  healthy "$name" "${newest[$name]}" "$(jq -r .status.url <<<"${service[$name]}")" || stop "$name is not healthy"
done
[ -z "$DRY_RUN" ] || exit 0

# Errors are logged only where a person should look, so a new revision's first ones are worth stopping for.
watch=${WATCH_SECONDS:-60}
echo "Watching the logs of the new revisions for $watch seconds."
sleep "$watch"
for name in "${moving[@]}"; do
  errors=$(gcloud logging read --project "$PROJECT" --limit 100 --format json \
    "resource.type=\"cloud_run_revision\" resource.labels.revision_name=\"${newest[$name]}\" severity>=ERROR timestamp>=\"$since\"" | jq length) \
    || stop "the logs of $name cannot be read"
  [ "$errors" -le "${MAX_ERRORS:-0}" ] || stop "${newest[$name]} logged $errors errors"
done
echo "Every function has $PERCENT % or more on its newest revision."
