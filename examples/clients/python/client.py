"""A client in Python: `python client.py [PROJECT]` lists sessions, hosts a tool, and runs turns that use the
tool and that ask.

It launches a sidecar of its own; with ATMOS_AI_ADDRESS and ATMOS_AI_TOKEN it attaches to one that runs.
"""

import os
import sys
from collections.abc import Mapping
from typing import Any

from atmos_ai_sidecar.client import Client, HostedTool
from atmos_ai_sidecar.v1 import chat_service_pb2 as chat
from atmos_ai_sidecar.v1 import permission_service_pb2 as permissions


def ticket(values: Mapping[str, Any]) -> str:
    return f"{values['key']} is open."


TICKET = HostedTool(
    name="ticket",
    description="Says what a ticket of the tracker is about.",
    run=ticket,
    input_schema={"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]},
)


def connect(project: str) -> Client:
    address = os.environ.get("ATMOS_AI_ADDRESS")
    return Client(address, os.environ["ATMOS_AI_TOKEN"]) if address else Client.launch(project)


def allow_once(request: Any) -> str:
    """Shows the question and answers it; a program for people would read the answer."""
    print("\n".join(("", *request.lines)))
    option = next(each for each in request.options if each.answer == permissions.ANSWER_ALLOW_ONCE)
    print(f"> {option.label}")
    return str(option.option_id)


def show(event: Any) -> None:
    match event.WhichOneof("event"):
        case "text_delta":
            print(event.text_delta.text, end="", flush=True)
        case "tool_call_started":
            print(f"\n* {event.tool_call_started.title}")
        case "turn_finished":
            print(f"\n{chat.StopReason.Name(event.turn_finished.stop_reason)} {event.turn_finished.message}".rstrip())


def main(project: str) -> None:
    with connect(project) as client:
        print("sessions:", ", ".join(session.name for session in client.sessions()) or "none")
        with client.hosting("example", [TICKET]):
            for text in ("Use the tool ticket with key NET-7.", "Plan the database in ue1-prod."):
                print("\nyou:", text)
                for event in client.run_turn("example", text, ask=allow_once):
                    show(event)


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["."]))
