"""Permission questions by line, for commands that draw no interface of their own."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from atmos_ai_sidecar.application.approvals import Approvals, Prompter, Question
from atmos_ai_sidecar.domain.requests import Answer, Option, PermissionRequest
from atmos_ai_sidecar.errors import SidecarError


class QuestionTerminal(Protocol):
    """Where a person is asked."""

    async def show(self, lines: Sequence[str]) -> None:
        """Prints lines."""

    async def ask(self, prompt: str) -> str | None:
        """One typed line; None when the terminal has gone."""


async def answer_questions(prompter: Prompter, approvals: Approvals, terminal: QuestionTerminal) -> None:
    """Asks one question after the other until it is cancelled; one that somebody else settles is taken back."""
    asking: dict[str, asyncio.Task[None]] = {}
    turn = asyncio.Lock()
    try:
        async for event in prompter:
            request = event.request
            if isinstance(event, Question):
                asking[request.id] = asyncio.create_task(_ask(request, approvals, terminal, turn))
            elif (task := asking.pop(request.id, None)) is not None and not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                outcome = request.outcome.value.replace("_", " ") if request.outcome else "lost"
                await terminal.show((f"\nThis question is settled: {outcome} by {request.resolved_by}.",))
    finally:
        for task in asking.values():
            task.cancel()
        await asyncio.gather(*asking.values(), return_exceptions=True)


async def _ask(
    request: PermissionRequest, approvals: Approvals, terminal: QuestionTerminal, turn: asyncio.Lock
) -> None:
    async with turn:
        await terminal.show(["", *request.lines, *map(_choice, request.options)])
        keys = "/".join(option.key for option in request.options)
        chosen = None
        while chosen is None:
            line = await terminal.ask(f"[{keys}] ")
            chosen = _rejection(request) if line is None else choose(request.options, line)
        option, comment = chosen
        try:
            await approvals.answer(
                request.id, option.id, shown_digest=request.digest, comment=comment, resolved_by="terminal"
            )
        except SidecarError as error:
            await terminal.show((f"That answer did not count: {error}",))


def choose(options: Sequence[Option], line: str) -> tuple[Option, str] | None:
    """The option that a typed line means, and the reason behind a rejection; None when it means none.

    Only a rejection may carry more words: "a plan would be nice" is not an "always".
    """
    key, _, comment = line.strip().partition(" ")
    for option in options:
        if option.key == key.lower() and (not comment or not option.answer.allows):
            return option, comment.strip()
    return None


def _rejection(request: PermissionRequest) -> tuple[Option, str]:
    return next(option for option in request.options if option.answer is Answer.REJECT_ONCE), ""


def _choice(option: Option) -> str:
    preview = f": {option.rule_preview}" if option.rule_preview else ""
    return f"  {option.key}  {option.label}{preview}"
