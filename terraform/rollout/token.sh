#!/usr/bin/env bash
# Prints a client token, good for an hour, signed with the project's jwt_secret: for a first look and for the smoke test.
#   make token PROJECT=my-project BUSINESS=acme ROLE=admin
# The secret goes through a pipe, where no process list shows it.
. "$(dirname "$0")/common.sh"
need gcloud python3
need_project
if [ -n "$DRY_RUN" ]; then
  echo "Would read jwt_secret of $PROJECT and sign a token of ${BUSINESS:-demo} as ${ROLE:-member}." >&2
  exit 0
fi

gcloud secrets versions access latest --project "$PROJECT" --secret jwt_secret | python3 -c '
import base64, hashlib, hmac, json, sys, time
secret, (business, role, audience) = sys.stdin.buffer.read(), sys.argv[1:]
encode = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=")
claims = {"sub": "operator", "aud": audience, "exp": int(time.time()) + 3600, "business_id": business, "role": role}
signed = b".".join(encode(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
print((signed + b"." + encode(hmac.new(secret, signed, hashlib.sha256).digest())).decode())
' "${BUSINESS:-demo}" "${ROLE:-member}" "${AUTH_AUDIENCE:-raptorflow}"
