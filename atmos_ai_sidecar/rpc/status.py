"""Errors as gRPC statuses: one table from error class to code, and one form for all of them.

Every status is a ``google.rpc.Status`` with exactly one ``ErrorInfo``. Statuses travel in metadata, which is limited to
8 KiB, so message and metadata are cut to fit.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from grpc import StatusCode

from atmos_ai_sidecar import errors
from atmos_ai_sidecar.rpc.values import proto_text

if TYPE_CHECKING:
    from google.rpc.status_pb2 import Status

DOMAIN: Final = "ai.atmos.tools"
DETAILS_KEY: Final = "grpc-status-details-bin"
MAX_MESSAGE_BYTES: Final = 1000
"""Sent twice: percent-encoded, where a byte may take three, and in the details, in base64."""
MAX_METADATA_BYTES: Final = 200
MAX_METADATA_ENTRIES: Final = 8

CODES: Final[Mapping[type[errors.SidecarError], StatusCode]] = {
    errors.InvalidRequestError: StatusCode.INVALID_ARGUMENT,
    errors.NotFoundError: StatusCode.NOT_FOUND,
    errors.AlreadyExistsError: StatusCode.ALREADY_EXISTS,
    errors.PreconditionError: StatusCode.FAILED_PRECONDITION,
    errors.EtagMismatchError: StatusCode.ABORTED,
    errors.UnauthenticatedError: StatusCode.UNAUTHENTICATED,
    errors.ForbiddenError: StatusCode.PERMISSION_DENIED,
    errors.ExhaustedError: StatusCode.RESOURCE_EXHAUSTED,
    errors.UnavailableError: StatusCode.UNAVAILABLE,
    errors.TimeoutExceededError: StatusCode.DEADLINE_EXCEEDED,
    errors.ToolExecutionFailedError: StatusCode.UNKNOWN,
    errors.ModelFailedError: StatusCode.UNKNOWN,
    errors.StorageCorruptError: StatusCode.DATA_LOSS,
}


def code_of(error: errors.SidecarError) -> StatusCode:
    """The code of the error's class or of its nearest base that has one."""
    return next((CODES[base] for base in type(error).__mro__ if base in CODES), StatusCode.INTERNAL)


def status_of(error: errors.SidecarError) -> "Status":
    """The status of an error that was raised on purpose."""
    from google.rpc.error_details_pb2 import BadRequest, PreconditionFailure, RetryInfo  # noqa: PLC0415 - see below

    status = _status(code_of(error), str(error), error.reason, error.metadata)
    message = _cut(str(error), MAX_METADATA_BYTES)
    if isinstance(error, errors.InvalidFieldError):
        violation = BadRequest.FieldViolation(
            field=_cut(error.field, MAX_METADATA_BYTES),
            description=_cut(error.problem, MAX_METADATA_BYTES),
            reason=error.reason,
        )
        status.details.add().Pack(BadRequest(field_violations=[violation]))
    elif isinstance(error, errors.PreconditionError):
        failure = PreconditionFailure.Violation(type=error.reason, subject=DOMAIN, description=message)
        status.details.add().Pack(PreconditionFailure(violations=[failure]))
    elif isinstance(error, errors.UnavailableError):
        retry = RetryInfo()
        retry.retry_delay.FromMicroseconds(int(error.retry_seconds * 1_000_000))
        status.details.add().Pack(retry)
    return status


def unexpected_status(error_id: str, *, code: StatusCode = StatusCode.INTERNAL) -> "Status":
    """The status of an error that nobody foresaw: an id to find it in the log, and no text of its own."""
    message = f"Something in the sidecar broke (error {error_id}). Its log has the details."
    return _status(code, message, errors.SidecarError.reason, {"error_id": error_id})


def _status(code: StatusCode, message: str, reason: str, metadata: Mapping[str, str]) -> "Status":
    from google.rpc.error_details_pb2 import ErrorInfo  # noqa: PLC0415 - most processes never fail; 10 ms at the start
    from google.rpc.status_pb2 import Status  # noqa: PLC0415 - as above

    values = {key: _cut(value, MAX_METADATA_BYTES) for key, value in list(metadata.items())[:MAX_METADATA_ENTRIES]}
    status = Status(code=code.value[0], message=_cut(message, MAX_MESSAGE_BYTES))
    status.details.add().Pack(ErrorInfo(reason=reason, domain=DOMAIN, metadata=values))
    return status


def _cut(text: str, limit: int) -> str:
    encoded = proto_text(text).encode()
    return encoded.decode() if len(encoded) <= limit else encoded[: limit - 3].decode(errors="ignore") + "…"
