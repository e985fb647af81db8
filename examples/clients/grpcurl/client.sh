#!/bin/bash
# A client with grpcurl, and Python to read its JSON: lists sessions, hosts a tool, and runs turns that use the tool and
# that ask.
# It attaches to the sidecar that `atmos-ai sidecar run` started: ATMOS_AI_SOCKET and ATMOS_AI_TOKEN name it.
set -euo pipefail
: "${ATMOS_AI_SOCKET:?the path of the socket, from the line that sidecar run printed}"
: "${ATMOS_AI_TOKEN:?export it as sidecar run printed it}"

call() { # METHOD [grpcurl options]; the token stays out of the argument list
  local method=$1
  shift
  "${GRPCURL:-grpcurl}" -plaintext -unix -expand-headers -H 'authorization: Bearer ${ATMOS_AI_TOKEN}' "$@" \
    "$ATMOS_AI_SOCKET" "atmos_ai_sidecar.v1.$method"
}

# Reads JSON messages one after another, and prints for each what the Python expression says (m is the message).
each() {
  python3 -c '
import json, sys
decoder, text = json.JSONDecoder(), ""
for line in sys.stdin:
    text += line
    try:
        m, end = decoder.raw_decode(text.lstrip())
    except ValueError:
        continue
    text = ""
    print(eval("(" + sys.argv[1] + ")") or "", end="", flush=True)
' "$1"
}

work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT

echo 'sessions:'
call SessionService/ListSessions | each '"".join("  " + s["name"] + "\n" for s in m.get("sessions", []))'

# Host a tool: what is written into the pipe goes to the sidecar; the stream lives as long as the pipe is open.
mkfifo "$work/to" "$work/from"
call ToolRegistryService/HostTools -d @ <"$work/to" >"$work/from" &
exec 3>"$work/to" 4<"$work/from"
cat >&3 <<'JSON'
{"register": {"hostName": "example", "tools": [{"name": "ticket", "effect": "EFFECT_READ",
 "description": "Says what a ticket of the tracker is about.",
 "inputSchema": {"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]}}]}}
JSON
each '"registered\n" if "registered" in m else
  json.dumps({"result": {"callId": m["call"]["callId"], "toolResult":
    {"success": True, "output": m["call"]["toolCall"]["input"]["key"] + " is open."}}}) + "\n" if "call" in m else ""' \
  <&4 >"$work/answers" 3>&- &
until grep -q registered "$work/answers"; do sleep 0.1; done
tail -n +2 -f "$work/answers" >&3 &

# A turn: text as it streams. A question is shown with the events, and answered by calls of their own.
run_turn() { # TEXT
  local answer= turn
  printf '\nyou: %s\n' "$1"
  call ChatService/Chat -d '{"attach": {"sessionName": "example", "interactive": true}}
    {"userMessage": {"text": "'"$1"'"}}' | each '
    m["textDelta"]["text"] if "textDelta" in m else
    "\n* " + m["toolCallStarted"]["title"] + "\n" if "toolCallStarted" in m else
    "\n".join(["", *m["permissionRequested"]["permissionRequest"]["lines"], ""]) if "permissionRequested" in m else
    "\n" + m["turnFinished"]["stopReason"] + "\n" if "turnFinished" in m else ""' &
  turn=$!
  while [ -z "$answer" ] && kill -0 "$turn" 2>/dev/null; do
    answer=$(call PermissionService/ListPermissionRequests -d '{"pendingOnly": true}' | each '
      "".join(json.dumps({"permissionRequestId": r["permissionRequestId"], "digest": r["digest"],
          "optionId": o["optionId"]})
        for r in m.get("permissionRequests", [])[:1] for o in r["options"] if o["answer"] == "ANSWER_ALLOW_ONCE")')
    sleep 0.2
  done
  [ -z "$answer" ] || call PermissionService/ResolvePermissionRequest -d "$answer" |
    each '"> " + m["permissionRequest"]["outcome"] + "\n"'
  wait "$turn"
}

run_turn 'Use the tool ticket with key NET-7.'
run_turn 'Plan the database in ue1-prod.'
