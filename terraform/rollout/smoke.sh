#!/usr/bin/env bash
# A few requests that show whether a deployment works, from the outside.
#   make smoke URL=https://api.example.com TOKEN=…
#   make smoke URL='https://next---{function}-123456789012.europe-west1.run.app' TOKEN=…   (revisions without traffic)
# {function} in URL stands for each function's name. BUSINESS is the token's business (demo). Without TOKEN nothing is paid,
# and only health, the refusal of strangers and the socket are tried. With it, one small model call is.
. "$(dirname "$0")/common.sh"
need curl jq
[ -n "${URL:-}" ] || die "say where: URL=https://…"
BUSINESS=${BUSINESS:-demo}
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
failures=0

at() { echo "${URL//\{function\}/$1}"; }

# Who answers a path, by topology.json.
who() {
  jq -r --arg path "$1" '[.functions | to_entries[]
    | select(any(.value.paths[]; . as $it | $it == $path or (endswith("/*") and ($path | startswith($it[:-1])))))] | first.key' "$TOPOLOGY"
}

if [ -n "$DRY_RUN" ]; then
  echo "Would ask $URL for /health, an estimate, a small call and a socket."
  exit 0
fi

verdict() {
  if [ "$1" = pass ]; then echo "pass  $2"; else
    echo "FAIL  $2"
    failures=$((failures + 1))
  fi
}

# ask METHOD URL [BODY] : prints the status; the body is in $answer. The token goes by standard input, where no process list shows it.
ask() {
  local arguments=(--silent --show-error --max-time "${TIMEOUT_SECONDS:-60}" --output "$answer" --write-out '%{http_code}' --request "$1")
  [ -z "${3:-}" ] || arguments+=(--header 'content-type: application/json' --data "$3")
  { [ -z "${TOKEN:-}" ] || printf 'header = "authorization: Bearer %s"\n' "$TOKEN"; } | curl "${arguments[@]}" --config - "$2" 2>/dev/null || true
}

problem() { jq -r '"\(.code // "no code"): \(.detail // "no detail")"' "$answer" 2>/dev/null || echo "no JSON"; }

health() {
  local status
  status=$(ask GET "$2/health")
  if [ "$status" = 200 ]; then verdict pass "health of $1"; else verdict fail "health of $1: $status"; fi
}

if [ "$(at x)" = "$URL" ]; then
  health "$URL" "$URL"
else
  for name in $(services); do
    if is_public "$name"; then health "$name" "$(at "$name")"; fi
  done
fi

estimate="$(at "$(who /v1/estimate)")/v1/estimate"
body=$(jq -cn --arg business "$BUSINESS" '{business_id: $business, task_type: "sentence_summary", input_length: 200}')
status=$(ask POST "$estimate" "$body")
if [ -z "${TOKEN:-}" ]; then
  if [ "$status" = 401 ]; then verdict pass "a stranger is refused"; else verdict fail "a stranger is not refused with 401: $status"; fi
  echo "skip  estimate and execute: no TOKEN"
else
  if [ "$status" = 200 ] && jq -e '.cost_usd' "$answer" >/dev/null; then
    verdict pass "estimate: $(jq -r '"\(.model), \(.cost_usd.expected) USD"' "$answer")"
  else verdict fail "estimate: $status $(problem)"; fi

  body=$(jq -cn --arg business "$BUSINESS" '{business_id: $business, task_type: "sentence_summary", max_output_tokens: 64,
    messages: [{role: "user", content: "Say that all is well."}]}')
  status=$(ask POST "$(at "$(who /v1/execute)")/v1/execute" "$body")
  if [ "$status" = 200 ] && jq -e '.call_id' "$answer" >/dev/null; then
    verdict pass "execute: $(jq -r '"\(.model_used), \(.cost_usd) USD"' "$answer")"
  else verdict fail "execute: $status $(problem)"; fi
fi

# The relay opens every socket and says inside why it closes; a proxy before it may refuse a stranger with 401 or 403.
path=/ws/task/00000000-0000-7000-8000-000000000000
status=$(curl --silent --http1.1 --max-time 5 --output /dev/null --write-out '%{http_code}' \
  --header 'connection: Upgrade' --header 'upgrade: websocket' --header 'sec-websocket-version: 13' \
  --header 'sec-websocket-key: c21va2Ugc21va2Ugc21vaw==' "$(at "$(who "$path")")$path" || true)
case "$status" in
  101) verdict pass "socket: 101" ;;
  401 | 403) verdict pass "socket: refused with $status, as strangers are" ;;
  *) verdict fail "socket: $status" ;;
esac

[ "$failures" -eq 0 ] || die "$failures failed"
echo "All passed."
