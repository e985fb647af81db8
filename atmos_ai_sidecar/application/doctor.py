"""Whether everything is in place: independent checks, side by side, each with a remedy."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.errors import SidecarError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

LIMIT_SECONDS = 15.0
"""How long one check may take. An MCP server gives up after 10 s, and then says so itself."""


class Health(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """It works, and something will surprise."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """It cannot be told, because of something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found, in one line."""

    health: Health
    detail: str
    remedy: str = ""
    """What to do; empty when there is nothing to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFinding:
    """A finding with the name of its check."""

    check: str
    finding: Finding


Check = Callable[[], Awaitable[Finding]]


async def examine(checks: Mapping[str, Check], clock: Clock) -> Sequence[CheckedFinding]:
    """Runs all checks at once and returns what they found, in the order of the checks.

    Never raises what a check raises: an error of ours is a finding with its own remedy, and a check that takes longer
    than ``LIMIT_SECONDS`` has failed.
    """
    findings = await asyncio.gather(*(_found(check, clock) for check in checks.values()))
    return [CheckedFinding(check=name, finding=finding) for name, finding in zip(checks, findings, strict=True)]


async def _found(check: Check, clock: Clock) -> Finding:
    examination = asyncio.ensure_future(check())
    limit = asyncio.ensure_future(clock.sleep(LIMIT_SECONDS))
    try:
        await asyncio.wait((examination, limit), return_when=asyncio.FIRST_COMPLETED)
        if not examination.done():
            return Finding(health=Health.FAILED, detail=f"no answer within {LIMIT_SECONDS:g} s")
        return examination.result()
    except SidecarError as error:
        return Finding(health=Health.FAILED, detail=error.message, remedy=error.remedy)
    finally:
        for task in (examination, limit):
            task.cancel()
        await asyncio.gather(examination, limit, return_exceptions=True)
