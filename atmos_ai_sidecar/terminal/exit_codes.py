"""One list of exit codes for all commands."""

from collections.abc import Mapping

from atmos_ai_sidecar.domain.events import StopReason
from atmos_ai_sidecar.errors import (
    BudgetExhaustedError,
    OptionInvalidError,
    ProjectUntrustedError,
    SidecarError,
    SidecarLostError,
    ToolExecutionDeniedError,
    UnattendedError,
)

DONE = 0
ERROR = 1
USAGE = 2
NEEDS_APPROVAL = 3
BUDGET = 4
DENIED = 5
LOST = 70

_SIGNALS: Mapping[str, int] = {"HUP": 129, "INT": 130, "QUIT": 131, "TERM": 143}
_STOP_REASONS: Mapping[StopReason, int] = {
    StopReason.END_TURN: DONE,
    StopReason.MAX_STEPS: BUDGET,
    StopReason.BUDGET: BUDGET,
    StopReason.CANCELLED: 130,
}
_ERRORS: Mapping[type[SidecarError], int] = {
    OptionInvalidError: USAGE,
    UnattendedError: NEEDS_APPROVAL,
    BudgetExhaustedError: BUDGET,
    ProjectUntrustedError: DENIED,
    ToolExecutionDeniedError: DENIED,
    SidecarLostError: LOST,
}


def of_signal(name: str) -> int:
    """128 and the signal's number, as a shell reports it."""
    return _SIGNALS.get(name, ERROR)


def of_stop_reason(reason: StopReason) -> int:
    """An answer that was cut off, refused or broken is an error for a script."""
    return _STOP_REASONS.get(reason, ERROR)


def of_error(error: SidecarError) -> int:
    return next((code for kind, code in _ERRORS.items() if isinstance(error, kind)), ERROR)
