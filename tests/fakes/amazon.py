"""Amazon's side of Bedrock: its binary frames, and its check of a signature, both as its documentation has them."""

import base64
import binascii
import hashlib
import hmac
import json
import struct
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from tests.fakes.messages_api import Reply, Request

STREAM = {"content-type": "application/vnd.amazon.eventstream"}


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message of an event stream: lengths, their checksum, headers, payload, the checksum of it all."""
    encoded = b"".join(
        struct.pack("!B", len(name)) + name.encode() + b"\x07" + struct.pack("!H", len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack("!II", 16 + len(encoded) + len(payload), len(encoded))
    message = prelude + struct.pack("!I", binascii.crc32(prelude)) + encoded + payload
    return message + struct.pack("!I", binascii.crc32(message))


def chunk(event: Mapping[str, Any]) -> bytes:
    """One event of the Messages API as Bedrock wraps it."""
    payload = json.dumps({"bytes": base64.b64encode(json.dumps(event).encode()).decode(), "p": "abcdef"}).encode()
    return frame({":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}, payload)


def fault(kind: str, message: str) -> bytes:
    """An exception in the middle of a stream."""
    return frame({":exception-type": kind, ":message-type": "exception"}, json.dumps({"message": message}).encode())


def reply(reply: Reply) -> Reply:
    """The same answer as Bedrock sends it."""
    events = [json.loads(piece.decode().partition("data: ")[2]) for piece in reply.pieces]
    return Reply(headers=STREAM, pieces=[chunk(event) for event in events])


def is_signed(request: Request, secret: str, *, method: str = "POST") -> bool:
    """Whether the request carries a valid Signature Version 4 of that secret."""
    scheme, _, rest = request.headers["authorization"].partition(" ")
    parts = dict(part.split("=", 1) for part in rest.split(", "))
    _, day, region, service, end = parts["Credential"].split("/")
    names = parts["SignedHeaders"].split(";")
    canonical = "\n".join([
        method,
        quote(request.path, safe="/~"),
        "",
        *(f"{name}:{request.headers[name]}" for name in names),
        "",
        parts["SignedHeaders"],
        hashlib.sha256(request.raw).hexdigest(),
    ])  # fmt: skip
    scope = f"{day}/{region}/{service}/{end}"
    text = f"{scheme}\n{request.headers['x-amz-date']}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, end):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), parts["Signature"])
