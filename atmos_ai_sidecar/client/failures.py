"""What can go wrong, with the sidecar's own reasons."""

from collections.abc import Iterable, Mapping
from typing import Any

import grpc

_DETAILS = "grpc-status-details-bin"


class LaunchFailedError(Exception):
    """The sidecar did not start; the message has what it said."""


class ClientClosedError(Exception):
    """The client was used after its ``close``."""

    def __init__(self) -> None:
        super().__init__("The client is closed.")


class CallFailedError(Exception):
    """A call ended with a status other than OK.

    ``reason`` is from the error list of docs/protocol.md, empty when the transport failed; ``metadata`` holds every
    dynamic part of the message.
    """

    def __init__(self, code: grpc.StatusCode, message: str, reason: str, metadata: Mapping[str, str]) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.metadata = metadata


def call_failure(error: Any) -> CallFailedError:
    """The failure of a call as our own error; takes the error of ``grpc`` and that of ``grpc.aio``."""
    reason, metadata = _error_info(error.trailing_metadata() or ())
    return CallFailedError(error.code(), error.details() or "", reason, metadata)


def _error_info(trailers: Iterable[tuple[str, Any]]) -> tuple[str, Mapping[str, str]]:
    from google.rpc.error_details_pb2 import ErrorInfo  # noqa: PLC0415 - only failures need it
    from google.rpc.status_pb2 import Status  # noqa: PLC0415

    for key, value in trailers:
        if key == _DETAILS:
            for detail in Status.FromString(value).details:
                info = ErrorInfo()
                if detail.Unpack(info):
                    return info.reason, dict(info.metadata)
    return "", {}
