#!/usr/bin/env bash
# Sends all traffic of every function to the revision before its newest one.
#   make rollback PROJECT=my-project
. "$(dirname "$0")/common.sh"
need gcloud jq curl
need_project

# Who asks goes back before who is asked.
names=()
while read -r name; do names=("$name" "${names[@]}"); done < <(services)
declare -A service previous
declare -a moving=()

echo "Traffic in $PROJECT ($REGION), in this order:"
for name in "${names[@]}"; do
  service[$name]=$(describe "$name") || die "$name cannot be read"
  read -r newest share before < <(traffic_of "${service[$name]}")
  previous[$name]=$before
  if [ "${previous[$name]}" = - ]; then
    echo "  $name: has served with $newest only; it stays"
  elif jq -e --arg name "${previous[$name]}" '[.status.traffic[] | select(.revisionName == $name) | .percent // 0] | add == 100' <<<"${service[$name]}" >/dev/null; then
    echo "  $name: ${previous[$name]} has all traffic already"
  else
    echo "  $name: all traffic to ${previous[$name]}, nothing to $newest (now $share %)"
    moving+=("$name")
  fi
done

# One function that fails must not keep the others on what is being left.
failed=
for name in "${moving[@]}"; do
  if ! run gcloud run services update-traffic "$name" --project "$PROJECT" --region "$REGION" --quiet \
    --to-revisions "${previous[$name]}=100" --update-tags "previous=${previous[$name]}"; then
    failed+=" $name"
  elif [ -z "$DRY_RUN" ]; then
    healthy "$name" "${previous[$name]}" "$(jq -r .status.url <<<"${service[$name]}")" || failed+=" $name"
  fi
done
[ -z "$DRY_RUN" ] || exit 0
[ -z "$failed" ] || die "not healthy after going back:$failed"
echo "Every function is back on its previous revision."
