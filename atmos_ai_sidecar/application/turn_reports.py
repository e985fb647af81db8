"""What a turn tells of budgets, of repairs, and of what went wrong."""

import logging
import secrets
from collections.abc import Sequence

from atmos_ai_sidecar.domain import turn as machine
from atmos_ai_sidecar.domain.budgets import Level
from atmos_ai_sidecar.domain.events import Notice, NoticeKind, StopReason, TurnFinished
from atmos_ai_sidecar.errors import InstallationDamagedError, SidecarError

_LOG = logging.getLogger(__name__)
_SHOWN_REPAIRS = 3


def budget_notice(level: Level) -> Notice:
    """Warns of a budget that is nearly used up."""
    return Notice(
        kind=NoticeKind.BUDGET_WARNING,
        message=f"{level.share:.0%} of a budget are used: {level}. The turn stops when it is used up ({level.key}).",
        metadata={"setting": level.key, "used": f"{level.used:g}", "limit": f"{level.limit:g}"},
    )


def repair_notice(repairs: Sequence[str]) -> Notice:
    """Tells that the model gets a mended history."""
    shown = " ".join(repairs[:_SHOWN_REPAIRS])
    more = f" And {len(repairs) - _SHOWN_REPAIRS} more." if len(repairs) > _SHOWN_REPAIRS else ""
    return Notice(
        kind=NoticeKind.HISTORY_REPAIRED,
        message="The stored conversation was damaged; the model gets it mended, and what is stored stays as it is. "
        f"{shown}{more}",
        metadata={"repairs": str(len(repairs))},
    )


def failed(error: BaseException) -> machine.Failed:
    """What the turn is told of an error; one that is not ours is logged with an id."""
    while isinstance(error, BaseExceptionGroup):  # of calls that ran together, the first that failed speaks
        error = error.exceptions[0]
    if isinstance(error, SidecarError):
        return machine.Failed(reason=error.reason, message=str(error), metadata=error.metadata)
    if damage := InstallationDamagedError.told_by(error):
        _LOG.error("the installation is damaged", exc_info=error)
        return machine.Failed(reason=damage.reason, message=str(damage), metadata=damage.metadata)
    error_id = secrets.token_hex(8)
    _LOG.error("internal error %s", error_id, exc_info=error)
    return machine.Failed(
        reason="INTERNAL_ERROR",
        message=f"Something in the assistant broke (error {error_id}). The log has the details.",
        metadata={"error_id": error_id},
    )


def failure(error: BaseException, finished: TurnFinished) -> TurnFinished:
    """The end of a turn that an error made of it."""
    told = failed(error)
    return TurnFinished(
        stop_reason=StopReason.ERROR,
        reason=told.reason,
        message=told.message,
        metadata=told.metadata,
        usage=finished.usage,
        steps=finished.steps,
    )
