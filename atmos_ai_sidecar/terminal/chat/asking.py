"""Questions of a turn and of a project, from the panel to whoever waits for the answer."""

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from atmos_ai_sidecar.application.approvals import Approvals
from atmos_ai_sidecar.application.workspace import TrustQuestion
from atmos_ai_sidecar.domain.requests import Answer, PermissionRequest
from atmos_ai_sidecar.errors import PermissionAlreadyResolvedError, SidecarError
from atmos_ai_sidecar.terminal.chat.approval_panel import Choice, PanelQuestion
from atmos_ai_sidecar.terminal.chat.live_turn import Note

_CUT = re.compile(r"… (\(\d+ characters\)|\d+ lines are not shown here) …")
"""How the words of a question say that something was left out."""


class _Stage(Protocol):
    def ask(self, question: PanelQuestion) -> None: ...
    def add(self, piece: Note) -> None: ...


class Asking:
    """Puts questions to the person at the screen. ``spawn`` starts the work of an answer and owns it."""

    def __init__(
        self,
        stage: _Stage,
        *,
        show_error: Callable[[SidecarError], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._stage = stage
        self._show_error = show_error
        self._spawn = spawn

    def ask(self, request: PermissionRequest, approvals: Approvals) -> None:
        """Shows a permission request; the answer settles it."""
        choices = [
            Choice(
                id=option.id,
                key=option.key,
                label=option.label,
                preview=option.rule_preview,
                takes_reason=option.answer is Answer.REJECT_ONCE,
            )
            for option in request.options
        ]
        question = PanelQuestion(
            id=request.id,
            title=f"{request.title}: may this run?",
            lines=request.lines,
            is_labelled=True,
            choices=choices,
            answer=lambda choice, reason: self._spawn(self._answer(request, approvals, choice, reason)),
            whole=_whole(request),
        )
        self._stage.ask(question)

    async def confirm_trust(self, question: TrustQuestion) -> bool:
        """Whether the person trusts a project."""
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def settle(choice: Choice, _reason: str) -> None:
            if not answer.done():
                answer.set_result(choice.id == "yes")

        choices = [
            Choice(id="yes", key="y", label="Yes, use this project's configuration"),
            Choice(id="no", key="n", label="No, leave"),
        ]
        self._stage.ask(
            PanelQuestion(
                id="trust",
                title="Trust this project?",
                lines=question.lines,
                choices=choices,
                answer=settle,
            )
        )
        return await answer

    async def _answer(self, request: PermissionRequest, approvals: Approvals, choice: Choice, reason: str) -> None:
        try:
            await approvals.answer(
                request.id, choice.id, shown_digest=request.digest, comment=reason, resolved_by="chat"
            )
        except PermissionAlreadyResolvedError as error:
            self._stage.add(Note(text=str(error), tone="dim"))
        except SidecarError as error:
            self._show_error(error)
        else:
            if choice.preview:
                self._stage.add(Note(text=f"Remembered: {choice.preview}", tone="dim"))


def _whole(request: PermissionRequest) -> str:
    """The input of a call in full, where the question's lines show only a part of it."""
    if not any(_CUT.search(line) for line in request.lines):
        return ""
    values = json.loads(request.canonical_input)
    return "\n".join(
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in values.items()
    )
