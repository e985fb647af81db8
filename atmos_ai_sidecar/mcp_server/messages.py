"""What a line of a client holds: messages, or why it holds none.

The SDK drops what it cannot read and answers nothing, so a client that sent it would wait for ever. Here every request
that can be told from its id is answered, and what cannot be told is answered with the id null, as JSON-RPC wants it.
"""

import json
from collections.abc import Iterable
from typing import Any

import mcp_types
from mcp.shared.message import SessionMessage


def messages_of(line: bytes) -> Iterable[SessionMessage | mcp_types.JSONRPCError]:
    """The messages of a line in their order, each of them or the answer that says what is wrong with it.

    A batch, which old versions of the protocol know, is taken as the messages in it; each is answered by itself. A
    blank line holds nothing.
    """
    if not line.strip():
        return ()
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return (refusal(None, mcp_types.PARSE_ERROR, "This line is no JSON. Send one JSON-RPC message a line."),)
    if isinstance(value, list) and value:
        return [_message(item, json.dumps(item)) for item in value]
    return (_message(value, line),)


def refusal(request_id: str | int | None, code: int, message: str, **more: Any) -> mcp_types.JSONRPCError:
    """The answer to what is not done; ``more`` is the error's data."""
    error = mcp_types.ErrorData(code=code, message=message, **({"data": more} if more else {}))
    return mcp_types.JSONRPCError(jsonrpc="2.0", id=request_id, error=error)


def _message(value: Any, text: str | bytes) -> SessionMessage | mcp_types.JSONRPCError:
    try:
        message = mcp_types.jsonrpc_message_adapter.validate_json(text, by_name=False)
    except ValueError:
        return _refused(value, "This is no JSON-RPC 2.0 message")
    if isinstance(message, mcp_types.JSONRPCNotification) and "id" in value:  # the SDK overlooks an id that is none
        return _refused(value, "The id of a request has to be a string or an integer")
    return SessionMessage(message)


def _refused(value: Any, why: str) -> mcp_types.JSONRPCError:
    """The id is told only of requests: in an answer it would be one of ours."""
    found = value.get("id") if isinstance(value, dict) and "method" in value else None
    is_id = isinstance(found, str | int) and not isinstance(found, bool) and _is_text(found)
    return refusal(found if is_id else None, mcp_types.INVALID_REQUEST, f"{why}. Nothing was done.")


def _is_text(request_id: str | int) -> bool:
    """Whether it can be written: half of a surrogate pair cannot."""
    return not isinstance(request_id, str) or not any("\ud800" <= letter <= "\udfff" for letter in request_id)
