#!/usr/bin/env bash
# Says where vectors are searched and whether that is ready: of Vertex AI the index, its size and what is deployed, of
# Firestore the index for nearest neighbours. Ends with 1 when it is not ready.
#   make vectors-status PROJECT=my-project
. "$(dirname "$0")/common.sh"
need gcloud jq
need_project

environment=$(describe vector-search | jq '[.spec.template.spec.containers[0].env // [] | .[] | { (.name): .value }] | add // {}')
setting() { jq -r --arg name "$1" '.[$name] // ""' <<<"$environment"; }
line() { printf '%-10s %s\n' "$@"; }

backend=$(setting VECTOR_BACKEND)
line backend "${backend:-firestore}"
case "${backend:-firestore}" in
  vertex)
    deployed=$(setting VECTOR_DEPLOYED_INDEX_ID)
    index=$(gcloud ai indexes describe "$(setting VECTOR_INDEX)" --project "$PROJECT" --region "$REGION" --format json)
    endpoint=$(gcloud ai index-endpoints describe "$(setting VECTOR_INDEX_ENDPOINT)" --project "$PROJECT" --region "$REGION" --format json)
    line index "$(jq -r '"\(.displayName), \(.metadata.config.dimensions) dimensions, \(.indexUpdateMethod)"' <<<"$index")"
    line vectors "$(jq -r '.indexStats.vectorsCount // "0"' <<<"$index")"
    line address "$(jq -r '.publicEndpointDomainName // "none: the endpoint is not public"' <<<"$endpoint")"
    found=$(jq -r --arg id "$deployed" '.deployedIndexes // [] | .[] | select(.id == $id) | .dedicatedResources
      | "\(.minReplicaCount // 1) of \(.machineSpec.machineType), billed by the hour"' <<<"$endpoint")
    line deployed "${found:-no: \`$deployed\` is not on the endpoint}"
    [ -n "$found" ]
    ;;
  firestore)
    indexes=$(gcloud firestore indexes composite list --project "$PROJECT" --database "$(setting FIRESTORE_DATABASE)" --format json)
    found=$(jq -r '[.[] | select(any(.fields[]; .vectorConfig)) | .fields[] as $field | select($field.vectorConfig)
      | "\(.state), \($field.vectorConfig.dimension) dimensions"] | first // ""' <<<"$indexes")
    line index "${found:-none}"
    [[ "$found" == READY,* ]]
    ;;
  *) die "VECTOR_BACKEND is \`$backend\`" ;;
esac
