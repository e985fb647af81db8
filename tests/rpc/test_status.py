import inspect
import re
from pathlib import Path

import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, PreconditionFailure, RetryInfo
from grpc import StatusCode, aio
from hypothesis import given
from hypothesis import strategies as st

from atmos_ai_sidecar import errors
from atmos_ai_sidecar.rpc.status import DETAILS_KEY, code_of, status_of
from tests.rpc.world import details, error_info

CODES = {
    "INVALID_FIELD INVALID_PAGE_TOKEN ATTACH_REQUIRED UNSUPPORTED_EVENT CONFIGURATION_INVALID": "INVALID_ARGUMENT",
    "SESSION_NOT_FOUND TOOL_NOT_FOUND PERMISSION_REQUEST_NOT_FOUND RULE_NOT_FOUND": "NOT_FOUND",
    "SESSION_EXISTS TOOL_EXISTS": "ALREADY_EXISTS",
    "TURN_IN_PROGRESS PERMISSION_ALREADY_RESOLVED PERMISSION_EXPIRED MODEL_NOT_CONFIGURED AI_DISABLED "
    "TOOLS_DISABLED ATMOS_NOT_FOUND SCHEMA_TOO_NEW STORAGE_UNAVAILABLE": "FAILED_PRECONDITION",
    "ETAG_MISMATCH": "ABORTED",
    "TOKEN_MISSING TOKEN_INVALID": "UNAUTHENTICATED",
    "ROLE_FORBIDDEN TOOL_EXECUTION_DENIED UNATTENDED PROJECT_UNTRUSTED": "PERMISSION_DENIED",
    "MESSAGE_TOO_LARGE STORAGE_FULL BUDGET_EXHAUSTED": "RESOURCE_EXHAUSTED",
    "STORAGE_BUSY MODEL_UNAVAILABLE SHUTTING_DOWN SIDECAR_LOST": "UNAVAILABLE",
    "TOOL_TIMEOUT MODEL_TIMEOUT": "DEADLINE_EXCEEDED",
    "TOOL_EXECUTION_FAILED MODEL_FAILED": "UNKNOWN",
    "STORAGE_CORRUPT": "DATA_LOSS",
}
EXPECTED = {reason: StatusCode[code] for reasons, code in CODES.items() for reason in reasons.split()}
CLASSES = [
    each
    for _, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, errors.SidecarError) and each.reason != errors.SidecarError.reason
]


@pytest.mark.parametrize("error_class", CLASSES, ids=lambda each: each.__name__)
def test_every_error_has_the_code_of_its_reason(error_class: type[errors.SidecarError]) -> None:
    assert code_of(error_class.__new__(error_class)) is EXPECTED[error_class.reason]


def test_every_reason_of_the_table_is_raised_by_somebody() -> None:
    package = Path(errors.__file__).parent
    sources = [path.read_text() for path in package.rglob("*.py") if path != Path(errors.__file__)]
    named = {name for text in sources for name in re.findall(r"\b[A-Z]\w+Error\b", text)}
    raised = {each.__name__ for each in CLASSES} & named
    assert {each.reason for each in CLASSES} == set(EXPECTED)
    assert raised == {each.__name__ for each in CLASSES}


@given(st.text(), st.dictionaries(st.from_regex(r"[a-z_]{1,20}", fullmatch=True), st.text(), max_size=20))
def test_status_fits_into_metadata_whatever_the_message_holds(message: str, metadata: dict[str, str]) -> None:
    metadata.pop("remedy", None)
    metadata.pop("message", None)
    status = status_of(errors.SidecarError(message * 100, **{key: value * 100 for key, value in metadata.items()}))
    assert len(status.SerializeToString()) < 4096
    assert len(status.message.encode()) <= 1000


def test_details_say_where_when_and_why() -> None:
    field = _details(errors.InvalidFieldError("name", "must not be empty"))
    assert isinstance(field[1], BadRequest)
    assert (field[1].field_violations[0].field, field[1].field_violations[0].description) == (
        "name",
        "must not be empty",
    )
    busy = _details(errors.StorageBusyError("The store is busy.", retry_seconds=1.5))
    assert isinstance(busy[1], RetryInfo)
    assert busy[1].retry_delay.ToMilliseconds() == 1500
    running = _details(errors.TurnInProgressError("vpc"))
    assert isinstance(running[1], PreconditionFailure)
    assert running[1].violations[0].type == "TURN_IN_PROGRESS"


def _details(error: errors.SidecarError) -> list[Message]:
    status = status_of(error)
    metadata = aio.Metadata((DETAILS_KEY, status.SerializeToString()))
    failed = aio.AioRpcError(code_of(error), aio.Metadata(), metadata, status.message, None)
    assert error_info(failed).metadata == error.metadata
    return details(failed)
