"""Waiting with a limit, by the Clock."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from atmos_ai_sidecar.application.ports.clock import Clock

_T = TypeVar("_T")


async def within(clock: Clock, seconds: float, work: Awaitable[_T]) -> _T:
    """What the work comes to, if it does in time; else it is cancelled.

    Raises:
        TimeoutError: It did not end in time.
    """
    task = asyncio.ensure_future(work)
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait((task, timer), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise TimeoutError
    finally:
        task.cancel()
        timer.cancel()
        await asyncio.gather(task, timer, return_exceptions=True)
