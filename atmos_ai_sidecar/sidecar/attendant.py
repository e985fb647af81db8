"""The person at the terminal of `sidecar run`, who answers the questions of calls over the socket.

Every question has a number, and an answer names it: "3y". So a line that was typed for a question that somebody else
settled in the meantime can never answer the next one.
"""

import asyncio
import re
from typing import Final

from atmos_ai_sidecar.application.approvals import ApprovalEvent, Approvals, Question
from atmos_ai_sidecar.application.ports.console import Console
from atmos_ai_sidecar.domain.requests import PermissionRequest
from atmos_ai_sidecar.errors import SidecarError

_ANSWER: Final = re.compile(r"\s*(\d+)\s*([a-z])\s*")


async def attend(approvals: Approvals, console: Console) -> None:
    """Asks and takes answers until the input ends."""
    with approvals.attach("sidecar run") as prompter:
        desk = _Desk(approvals, console, prompter.name)
        events = aiter(prompter)
        coming = asyncio.ensure_future(anext(events))
        typed = asyncio.ensure_future(console.read())
        try:
            while True:
                await asyncio.wait((coming, typed), return_when=asyncio.FIRST_COMPLETED)
                if coming.done():
                    desk.take(coming.result())
                    coming = asyncio.ensure_future(anext(events))
                if typed.done():
                    line = typed.result()
                    if not line:
                        return
                    await desk.answer(line.decode(errors="replace"))
                    typed = asyncio.ensure_future(console.read())
        finally:
            coming.cancel()
            typed.cancel()
            await asyncio.gather(coming, typed, return_exceptions=True)


class _Desk:
    """The numbered questions that wait."""

    def __init__(self, approvals: Approvals, console: Console, name: str) -> None:
        self._approvals = approvals
        self._console = console
        self._name = name
        self._waiting: dict[int, PermissionRequest] = {}
        self._last_number = 0

    def take(self, event: ApprovalEvent) -> None:
        """Shows a question, or how one was settled."""
        request = event.request
        if isinstance(event, Question):
            self._last_number += 1
            self._waiting[self._last_number] = request
            self._show(self._last_number, request)
            return
        for number, waiting in list(self._waiting.items()):
            if waiting.id == request.id:
                del self._waiting[number]
                outcome = request.outcome.value if request.outcome else "unknown"
                self._say(f"Question {number} is settled: {outcome}, by {request.resolved_by}.")

    async def answer(self, line: str) -> None:
        """Takes what was typed."""
        match = _ANSWER.fullmatch(line)
        request = self._waiting.get(int(match[1])) if match else None
        option = next((one for one in request.options if match and one.key == match[2]), None) if request else None
        if request is None or option is None:
            if line.strip():
                self._say("That answers no question. Type the number of one and a letter, such as 1y.")
            return
        try:
            await self._approvals.answer(request.id, option.id, shown_digest=request.digest, resolved_by=self._name)
        except SidecarError as error:
            self._say(str(error))

    def _show(self, number: int, request: PermissionRequest) -> None:
        choices = " · ".join(f"{number}{option.key} {option.label}" for option in request.options)
        self._say("", f"Question {number}", *request.lines, choices)

    def _say(self, *lines: str) -> None:
        self._console.write("".join(f"{line}\n" for line in lines).encode(errors="replace"))
