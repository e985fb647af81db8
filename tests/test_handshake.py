import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atmos_ai_sidecar.handshake import (
    MAX_LINE_BYTES,
    PREFIX,
    Bootstrap,
    Handshake,
    HandshakeError,
    StartError,
    format_bootstrap,
    format_handshake,
    parse_bootstrap,
    parse_handshake,
)

GOOD = Bootstrap(token="0a" * 32, socket_directory="/run/x", parent_pid=12)
HANDSHAKE = {"address": "a", "instance_id": "i", "pid": 1, "server_version": "1", "protocol_version": 1}


def changed(**values: object) -> bytes:
    return json.dumps(json.loads(format_bootstrap(GOOD)) | values).encode()


@given(st.text(), st.text(), st.integers(1, 2**31), st.sampled_from(["debug", "info", "warning", "error"]))
def test_bootstrap_comes_back_as_it_was_written(name: str, version: str, pid: int, level: str) -> None:
    bootstrap = Bootstrap(
        token="ff" * 32,
        socket_directory="/run/x y",
        parent_pid=pid,
        client_name=name,
        client_version=version,
        log_level=level,
    )
    line = format_bootstrap(bootstrap)
    assert line.count(b"\n") == 1
    assert parse_bootstrap(line) == bootstrap


@given(st.text(), st.lists(st.text()))
def test_handshake_comes_back_as_it_was_written(address: str, capabilities: list[str]) -> None:
    handshake = Handshake(
        address=address, instance_id="i", pid=1, server_version="1", capabilities=tuple(sorted(capabilities))
    )
    line = format_handshake(handshake)
    assert line.count(b"\n") == 1
    assert parse_handshake(line) == handshake


@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_start_error_comes_back_as_it_was_written(message: str, metadata: dict[str, str]) -> None:
    error = StartError(reason="INVALID_FIELD", message=message, metadata=metadata)
    assert parse_handshake(format_handshake(error)) == error


def test_unknown_keys_are_ignored_on_both_sides() -> None:
    assert parse_bootstrap(changed(new="thing")) == GOOD
    assert isinstance(parse_handshake(f"{PREFIX}{json.dumps(HANDSHAKE | {'new': []})}".encode()), Handshake)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        changed(magic="other"),
        changed(token="0A" * 32),
        changed(token="00"),
        changed(token=7),
        changed(socket_directory="relative"),
        changed(socket_directory="/nul\0"),
        changed(parent_pid=0),
        changed(parent_pid=True),
        changed(parent_pid="12"),
        changed(protocol_versions="1"),
        changed(protocol_versions=[True]),
        changed(log_level="loud"),
        changed(client_name=[]),
        b" " * (MAX_LINE_BYTES + 1),
    ],
)
def test_bad_bootstrap_is_an_error_and_never_a_crash(line: bytes) -> None:
    with pytest.raises(HandshakeError) as caught:
        parse_bootstrap(line)
    assert caught.value.reason == "INVALID_FIELD"


def test_versions_without_ours_are_a_mismatch() -> None:
    with pytest.raises(HandshakeError) as caught:
        parse_bootstrap(changed(protocol_versions=[2, 3]))
    assert caught.value.reason == "PROTOCOL_MISMATCH"


@pytest.mark.parametrize("line", [b"", b"noise\n", b"\x1b[31mATMOS\n", b"\xff\xfe"])
def test_line_without_the_prefix_is_noise(line: bytes) -> None:
    assert parse_handshake(line) is None


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"pid": "1"}', '{"pid": 1, "protocol_version": 1}', '{"error": {}}', '{"error": {"reason": 1}}'],
)
def test_line_with_the_prefix_and_something_else_is_an_error(content: str) -> None:
    with pytest.raises(HandshakeError):
        parse_handshake(f"{PREFIX}{content}".encode())


def test_capabilities_must_be_a_list() -> None:
    with pytest.raises(HandshakeError):
        parse_handshake(f"{PREFIX}{json.dumps(HANDSHAKE | {'capabilities': 'all'})}".encode())
