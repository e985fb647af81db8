import json

import mcp_types
import pytest
from mcp.shared.message import SessionMessage

from atmos_ai_sidecar.mcp_server.messages import messages_of


def errors(line: bytes) -> list[tuple[object, int]]:
    return [(found.id, found.error.code) for found in messages_of(line) if isinstance(found, mcp_types.JSONRPCError)]


@pytest.mark.parametrize(
    "line", [b"no json", b"\xff\xfe", b'{"a":' * 20_000, b'{"jsonrpc": "2.0", "id": 1, "x": ' + b"[" * 5000]
)
def test_a_line_that_is_no_json_is_answered_without_an_id(line: bytes) -> None:
    assert errors(line) == [(None, mcp_types.PARSE_ERROR)]


@pytest.mark.parametrize(
    ("line", "request_id"),
    [
        (b'{"id": 3, "method": "ping"}', 3),
        (b'{"jsonrpc": "1.0", "id": "x", "method": "ping"}', "x"),
        (b'{"jsonrpc": "2.0", "id": 4, "method": "ping", "params": [1]}', 4),
        (b'{"jsonrpc": "2.0", "id": 5, "method": "ping", "params": {"x": "\\ud800"}}', 5),
        (b'{"jsonrpc": "2.0", "id": "\\ud800", "method": "ping"}', None),
        (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', None),
        (b'{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', None),
        (b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', None),
        (b'{"jsonrpc": "2.0", "id": 6}', None),
        (b"[]", None),
        (b"17", None),
    ],
)
def test_what_is_no_message_is_refused_with_the_id_of_the_request_if_it_has_one(
    line: bytes, request_id: object
) -> None:
    refused = list(messages_of(line))
    assert [(found.id, found.error.code) for found in refused if isinstance(found, mcp_types.JSONRPCError)] == [
        (request_id, mcp_types.INVALID_REQUEST)
    ]
    answer = refused[0]
    assert isinstance(answer, mcp_types.JSONRPCError)
    assert json.loads(answer.model_dump_json(exclude_unset=True))["id"] == request_id


def test_a_batch_is_the_messages_in_it_and_one_that_is_wrong_does_not_spoil_the_others() -> None:
    batch = b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}, 7, {"jsonrpc": "2.0", "method": "notifications/x"}]'
    first, second, third = messages_of(batch)
    assert isinstance(first, SessionMessage)
    assert isinstance(second, mcp_types.JSONRPCError)
    assert isinstance(third, SessionMessage)


@pytest.mark.parametrize("line", [b"", b"\r", b"  \t "])
def test_a_blank_line_holds_nothing(line: bytes) -> None:
    assert list(messages_of(line)) == []
