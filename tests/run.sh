#!/usr/bin/env bash
# Runs every suite whose tools are on this machine, and ends with a table: suite, run or left out,
# tests, how to get what is missing. Rust, a C compiler and make are all that it needs.
#
#   tests/run.sh                what the tools here allow
#   REQUIRE=all tests/run.sh    fails, before anything is built, when a suite would be left out
set -uo pipefail
cd "$(dirname "$0")/.."
CARGO=${CARGO:-cargo}
PROFILE=tests

# A suite: name | what it tries | commands it needs | how to get them | nextest's filter.
SUITES=(
  "emulators|Google adapters and the deployment as processes|gcloud java python3|Google Cloud SDK with beta, cloud-firestore-emulator and pubsub-emulator; Java 17; Python 3|binary(emulated) | test(/^cloud::/)"
  "supabase|tiers and usage in a Supabase project|node npm postgres|Node.js 20 and PostgreSQL 15|binary(postgrest)"
  "clients|OpenAI's own clients|node npm python3|Node.js 20 and Python 3 with pip|test(/^clients::/)"
  "page|the page in a browser|node npm chromium|Node.js 20 and Chromium|test(/^page::/)"
  "rollout|the scripts of a rollout|jq curl python3|jq, curl and Python 3|test(/^rollout::/)"
  "images|what the programs link|objdump|binutils|test(/^image::programs_need/)"
)

has() {
  case "$1" in
    # Debian keeps the server's programs off the path.
    postgres) command -v psql >/dev/null && { command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; } ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

field() { printf '%s' "$1" | cut -d'|' -f"$2"; }
# The filter is the last field and holds bars of its own.
filter() { printf '%s' "$1" | cut -d'|' -f5-; }

run=() left_out=() excluded=()
for suite in "${SUITES[@]}"; do
  missing=()
  for tool in $(field "$suite" 3); do has "$tool" || missing+=("$tool"); done
  if [ ${#missing[@]} -eq 0 ]; then
    run+=("$suite")
  else
    left_out+=("$(field "$suite" 1)|${missing[*]}|$(field "$suite" 4)")
    excluded+=("$(filter "$suite")")
  fi
done

if [ "${REQUIRE:-}" = all ] && [ ${#left_out[@]} -gt 0 ]; then
  for suite in "${left_out[@]}"; do
    echo "test: the suite $(field "$suite" 1) cannot run, $(field "$suite" 2) is missing: install $(field "$suite" 3)" >&2
  done
  exit 1
fi

set -e
for suite in "${run[@]}"; do
  case "$(field "$suite" 1)" in
    supabase | clients | page) make --no-print-directory "install-$(field "$suite" 1)" ;;
  esac
done
# Programs and tests together, so that both have the same features and nothing is built twice.
$CARGO build --workspace --bins --tests --profile "$PROFILE"
set +e

log=$(mktemp)
trap 'rm -f "$log"' EXIT
emulators=()
[[ " ${run[*]} " == *"emulators|"* ]] && emulators=(tests/with-emulators.sh)

if $CARGO nextest --version >/dev/null 2>&1; then
  expression='all()'
  for filter in ${excluded[@]+"${excluded[@]}"}; do expression="$expression - ($filter)"; done
  ${emulators[@]+"${emulators[@]}"} $CARGO nextest run --workspace --cargo-profile "$PROFILE" \
    --no-fail-fast -E "$expression" 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
else
  # cargo's own runner knows names, not packages: suites with a test binary of their own are named.
  skips=() packages=()
  for suite in ${left_out[@]+"${left_out[@]}"}; do
    case "$(field "$suite" 1)" in
      emulators) skips+=(--skip cloud::); packages+=(gcp) ;;
      supabase) packages+=(supabase) ;;
      images) skips+=(--skip image::programs_need) ;;
      *) skips+=(--skip "$(field "$suite" 1)::") ;;
    esac
  done
  status=0
  ${emulators[@]+"${emulators[@]}"} $CARGO test --workspace --profile "$PROFILE" --no-fail-fast \
    $(printf -- '--exclude %s ' ${packages[@]+"${packages[@]}"} | sed 's/--exclude  *$//') \
    -- ${skips[@]+"${skips[@]}"} 2>&1 | tee "$log"
  [ "${PIPESTATUS[0]}" = 0 ] || status=1
  for package in ${packages[@]+"${packages[@]}"}; do
    targets=(--lib)
    [ "$package" = gcp ] && targets+=(--test secrets --test vertex)
    $CARGO test --package "$package" --profile "$PROFILE" --no-fail-fast "${targets[@]}" 2>&1 | tee -a "$log"
    [ "${PIPESTATUS[0]}" = 0 ] || status=1
  done
fi
# Examples in documentation are tests as well, where there are any.
if grep -rqE '^[[:space:]]*//[/!] ```(rust)?$' --include='*.rs' common functions; then
  $CARGO test --workspace --doc --profile "$PROFILE" || status=1
fi

# Tests of the log whose line matches: nextest's `PASS [ 0.1s] (1/9) package::binary name`, or
# cargo's `test name ... ok`.
passed() { grep -cE "(PASS .*[ :]$1)|(^test $1.* \.\.\. ok)" "$log" || true; }
total=$(passed '')
named=0
row() { printf '%-11s %-9s %6s  %s\n' "$@"; }
echo
row suite state tests 'what it tries, or how to run it'
rows=()
for suite in "${run[@]}"; do
  case "$(field "$suite" 1)" in
    emulators) count=$(($(passed 'emulated ') + $(passed 'cloud::'))) ;;
    supabase) count=$(passed 'postgrest ') ;;
    images) count=$(passed 'image::programs_need') ;;
    *) count=$(passed "$(field "$suite" 1)::") ;;
  esac
  named=$((named + count))
  rows+=("$(field "$suite" 1)|run|$count|$(field "$suite" 2)")
  if [ "$count" = 0 ] && [ "$status" = 0 ]; then
    echo "test: no test of the suite $(field "$suite" 1) ran" >&2
    status=1
  fi
done
row rust run $((total - named)) 'rules, ledger, engine, providers, simulation, the system on SQLite'
for line in ${rows[@]+"${rows[@]}"}; do
  row "$(field "$line" 1)" "$(field "$line" 2)" "$(field "$line" 3)" "$(field "$line" 4)"
done
for suite in ${left_out[@]+"${left_out[@]}"}; do
  row "$(field "$suite" 1)" 'left out' - "missing $(field "$suite" 2): install $(field "$suite" 3)"
done
grep -E '^ *Summary' "$log" | tail -1
exit "$status"
