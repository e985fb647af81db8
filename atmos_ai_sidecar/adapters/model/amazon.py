"""What Amazon has of its own: signed requests, and events in frames of binary. Imported where it is used."""

import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

import httpx2
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import EventStreamBuffer, ParserError

from atmos_ai_sidecar.adapters.model.access import Access

_SERVICE = "bedrock"


_SIGNED = ("content-type",)
"""Beside the host and Amazon's own; the fewer, the less can a proxy break by changing one."""


def sign(request: httpx2.Request, access: Access, region: str) -> None:
    """Sets the headers that prove who asks: Signature Version 4."""
    headers = {name: request.headers[name] for name in _SIGNED if name in request.headers}
    unsigned = AWSRequest(method=request.method, url=str(request.url), headers=headers, data=request.content)
    credentials = Credentials(access.key, access.secret, access.token or None)
    SigV4Auth(credentials, _SERVICE, region).add_auth(unsigned)
    request.headers.update(dict(unsigned.headers.items()))


async def events(pieces: AsyncIterator[bytes]) -> AsyncGenerator[Any, None]:
    """The events of an answer, an exception of Amazon's as the Messages API's own ``error``.

    Raises:
        ValueError: The bytes are no such stream.
    """
    frames = EventStreamBuffer()
    async for piece in pieces:
        frames.add_data(piece)
        try:
            for frame in frames:
                yield _event(frame.headers, frame.payload)
        except (ParserError, LookupError, TypeError) as error:
            raise ValueError(f"a frame of Amazon's is broken: {error!r}") from error


def _event(headers: Mapping[str, Any], payload: bytes) -> Any:
    if headers.get(":message-type") == "event":
        return json.loads(base64.b64decode(json.loads(payload)["bytes"]))
    kind = headers.get(":exception-type") or headers.get(":error-code") or "error"
    message = headers.get(":error-message") or json.loads(payload or b"{}").get("message")
    return {"type": "error", "error": {"type": str(kind), "message": str(message)}}
