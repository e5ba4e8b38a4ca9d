# shellcheck shell=bash
# What the rollout scripts share: settings, the list of functions, and one way to do things so that they are shown first.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TOPOLOGY=${TOPOLOGY:-$ROOT/terraform/topology.json}
REGION=${REGION:-europe-west1}
DRY_RUN=${DRY_RUN:-}

die() {
  echo "$(basename "$0" .sh): $*" >&2
  exit 1
}

[ "${BASH_VERSINFO[0]}" -ge 4 ] || die "bash 4 or later is needed; this is $BASH_VERSION"

# need COMMAND... : stops when one is not installed, and names all that are missing.
need() {
  local missing=()
  for command in "$@"; do command -v "$command" >/dev/null || missing+=("$command"); done
  [ ${#missing[@]} -eq 0 ] || die "not installed: ${missing[*]}"
}

need_project() {
  [ -n "${PROJECT:-}" ] || die "say which project: PROJECT=my-project"
}

need_environment() {
  case "${ENVIRONMENT:-}" in
    staging | prod) ;;
    *) die "say which environment: ENVIRONMENT=staging or ENVIRONMENT=prod" ;;
  esac
}

# run COMMAND... : shows a command that changes something, and runs it unless DRY_RUN is set.
run() {
  printf '+'
  printf ' %q' "$@"
  echo
  [ -n "$DRY_RUN" ] || "$@"
}

# Who is asked comes before who asks, so that a new function never meets an older one it relies on: first what other
# functions call, then what messages wake, then the rest.
services() {
  jq -r '.functions as $all
    | [$all | to_entries[] | select(.value.kind == "service") | .key as $name
       | { name: $name, order: (if any($all[]; .calls | index($name)) then 0 elif (.value.listens | length) > 0 then 1 else 2 end) }]
    | sort_by(.order) | .[].name' "$TOPOLOGY"
}

jobs_listed() {
  jq -r '.functions | to_entries[] | select(.value.kind == "job") | .key' "$TOPOLOGY"
}

is_public() {
  jq -e --arg name "$1" '.functions[$name].public' "$TOPOLOGY" >/dev/null
}

# describe FUNCTION : the service as Cloud Run has it, as JSON.
describe() {
  gcloud run services describe "$1" --project "$PROJECT" --region "$REGION" --format json
}

# traffic_of JSON : "newest newest_percent previous", where previous is the revision that served before the newest one:
# the other one with most traffic, or the one tagged so. "-" when there is none.
traffic_of() {
  jq -r '.status.latestCreatedRevisionName as $newest
    | (.status.traffic // []) as $traffic
    | def percent($revision): [$traffic[] | select(.revisionName == $revision) | .percent // 0] | add // 0;
      ([$traffic[] | select(.tag == "previous") | .revisionName] | first) as $tagged
    | [$traffic[].revisionName | select(. != $newest)] | unique
    | map({ name: ., percent: percent(.), tagged: (. == $tagged) })
    | map(select(.percent > 0 or .tagged)) | sort_by([.percent, .tagged]) | (last.name // "-") as $previous
    | "\($newest) \(percent($newest)) \($previous)"' <<<"$1"
}

# answers URL : whether it answers 200 within three tries.
answers() {
  local try
  for try in 1 2 3; do
    curl --silent --fail --output /dev/null --max-time 10 "$1" && return 0
    [ "$try" -eq 3 ] || sleep "${RETRY_SECONDS:-2}"
  done
  return 1
}

# ready REVISION : whether Cloud Run has started it and its startup probe has passed.
ready() {
  gcloud run revisions describe "$1" --project "$PROJECT" --region "$REGION" --format json \
    | jq -e 'any(.status.conditions[]?; .type == "Ready" and .status == "True")' >/dev/null
}

# healthy FUNCTION REVISION [URL] : whether the revision is ready, and answers where the internet may ask it.
healthy() {
  ready "$2" || { echo "  $1: $2 is not ready"; return 1; }
  if [ -n "${3:-}" ] && is_public "$1"; then
    answers "$3/health" || { echo "  $1: $3/health does not answer 200"; return 1; }
  fi
  echo "  $1: $2 is healthy"
}

tagged_url() {
  jq -r --arg tag "$2" '[.status.traffic[]? | select(.tag == $tag) | .url] | first // ""' <<<"$1"
}
