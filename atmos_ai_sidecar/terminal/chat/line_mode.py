"""The chat line by line: for pipes, dumb terminals and screen readers. The cursor never moves."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.progress import Progress
from atmos_ai_sidecar.domain.requests import Answer, Option, PermissionRequest
from atmos_ai_sidecar.errors import PermissionAlreadyResolvedError, SidecarError
from atmos_ai_sidecar.terminal import answer as answers
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.chat.conversation import Conversation
from atmos_ai_sidecar.terminal.chat.settings import ChatSettings, resume_token
from atmos_ai_sidecar.terminal.chat.slash_commands import is_slash_command, run_slash_command
from atmos_ai_sidecar.terminal.chat.transcript import AssistantSaid, ToolRan, UserSaid, entries, header
from atmos_ai_sidecar.terminal.commands.context import TYPED_BEFORE
from atmos_ai_sidecar.terminal.one_turn import TurnRequest, run_turn
from atmos_ai_sidecar.terminal.render.cards import card
from atmos_ai_sidecar.terminal.render.ends import end_text
from atmos_ai_sidecar.terminal.render.health import health_lines
from atmos_ai_sidecar.terminal.render.palette import Palette, visible
from atmos_ai_sidecar.terminal.render.question_rows import question_rows

TWICE_SECONDS = 2.0


async def run_line_mode(settings: ChatSettings) -> int:
    """Reads lines and prints answers until the input ends, and returns the exit code."""
    async with settings.context.open_workspace(may_forget=not settings.continues) as workspace:
        conversation = await Conversation.begin(
            workspace,
            name=settings.session,
            continues=settings.continues,
            model=settings.context.options.model,
        )
        return await LineMode(settings, conversation).run()


class LineMode:
    """One chat on a cooked terminal or a pipe."""

    def __init__(self, settings: ChatSettings, conversation: Conversation) -> None:
        self._settings = settings
        self._context = settings.context
        self._writer = settings.context.writer
        self._console = settings.context.console
        self._conversation = conversation
        self._waiting: list[str] = []
        self._has_left = False
        self._code = exit_codes.DONE
        self._signal = ""
        self._signalled = asyncio.Event()
        self._last_interrupt = -TWICE_SECONDS

    @property
    def clock(self) -> Clock:
        return self._context.services.clock

    @property
    def palette(self) -> Palette:
        return self._writer.out

    async def run(self) -> int:
        for words in (self._settings.notice, *(f"  Try: {hint}" for hint in self._settings.hints)):
            if words:
                self.say(words)
        await self.show_session()
        while not self._has_left:
            self._console.on_signal(self._note_signal)
            line = self._waiting.pop(0) if self._waiting else await self._read()
            if line is None:
                break
            if is_slash_command(line):
                await run_slash_command(self._conversation, self, line)
            elif line.strip():
                await self._take_turn(line)
        return self._code

    def say(self, text: str) -> None:
        if self._console.stdout_is_terminal:
            self._writer.line(text)
        else:
            self._writer.say(text)

    def show_error(self, error: SidecarError) -> None:
        self._writer.error(error)

    async def show_session(self) -> None:
        conversation, palette = self._conversation, self.palette
        if self._settings.can_resume:
            self._console.offer_resume(resume_token(conversation.session.name, self._context.options))
        lines = header(
            conversation.workspace.describe(),
            conversation.session,
            palette,
            version=self._context.services.version,
            is_new=conversation.is_new,
            model=conversation.model,
            home=self._console.environment.get("HOME", ""),
        )
        for line in lines:
            self.say(line)
        if not conversation.is_new:
            await self._show_past()

    async def _show_past(self) -> None:
        for entry in entries(await self._conversation.messages(), self._conversation.title):
            match entry:
                case UserSaid():
                    self.say(f"> {visible(entry.text)}")
                case AssistantSaid():
                    self.say(visible(entry.markdown))
                case ToolRan():
                    self.say(card(entry.title, entry.result, self.palette, width=self._console.size.columns - 1))
        end = await self._conversation.last_end()
        if end is not None and (text := end_text(end)):
            self._writer.say(text)

    def waiting(self, what: str, progress: Progress | None = None) -> AbstractAsyncContextManager[object]:
        return self._context.waiting(what, progress)

    async def examine(self) -> Sequence[str]:
        findings = await self._context.services.examine_run(self._context.run, self._context.options)
        return health_lines(findings, self.palette)

    def pick_session(self) -> bool:
        return False

    def clear(self) -> None:
        """There is nothing to empty where the cursor does not move."""

    def send(self, text: str) -> None:
        self._waiting.append(text)

    def leave(self) -> None:
        self._has_left = True

    async def _read(self) -> str | None:
        """The next line; None at the end of the input and when a signal ends the chat."""
        while True:
            if self._context.is_interactive:
                self._console.write_error(b"> ")
            line = await self._line_or_signal()
            if self._has_left or line is not None or not self._signal:
                return line
            self._signal = ""
            self._signalled.clear()
            self._writer.say("\nCtrl-C again leaves.")

    async def _line_or_signal(self) -> str | None:
        reading = asyncio.ensure_future(self._context.reader.line())
        signalled = asyncio.ensure_future(self._signalled.wait())
        try:
            await asyncio.wait({reading, signalled}, return_when=asyncio.FIRST_COMPLETED)
            return reading.result() if reading.done() else None
        finally:
            for task in (reading, signalled):
                task.cancel()
            await asyncio.gather(reading, signalled, return_exceptions=True)

    def _note_signal(self, name: str) -> None:
        if name == "CONT":
            return
        now = self.clock.monotonic()
        if name != "INT" or now - self._last_interrupt < TWICE_SECONDS:
            self._code, self._has_left = exit_codes.of_signal(name), True
        self._last_interrupt = now
        self._signal = name
        self._signalled.set()

    async def _take_turn(self, text: str) -> None:
        answer = answers.Answer(self._writer, is_plain=True, shows_progress=True)
        conversation = self._conversation
        request = TurnRequest(session=conversation.session, text=text, model=conversation.chosen_model)
        try:
            record = await run_turn(
                self._console,
                conversation.workspace,
                request,
                answer.show,
                answer_question=self._answer if self._context.is_interactive else None,
            )
        except SidecarError as error:
            self.show_error(error)
            self._code = exit_codes.of_error(error)
            return
        answer.end()
        answers.report_end(self._writer, record)
        if record.signal and record.signal != "INT":
            self._code, self._has_left = record.exit_code, True
        elif not self._context.is_interactive:
            self._code = record.exit_code or self._code

    async def _answer(self, request: PermissionRequest) -> None:
        """Asks by line; nothing but one of the letters answers."""
        for row in question_rows(request.lines, self._console.size.columns):
            self._writer.say(row)
        for option in request.options:
            preview = f" ({option.rule_preview})" if option.rule_preview else ""
            self._writer.say(f"  {option.key}  {option.label}{preview}")
        option = await self._choice(request)
        comment = await self._reason() if option.answer is Answer.REJECT_ONCE else ""
        try:
            await self._conversation.workspace.approvals.answer(
                request.id, option.id, shown_digest=request.digest, comment=comment, resolved_by="chat"
            )
        except PermissionAlreadyResolvedError as error:
            self._writer.say(str(error))

    async def _choice(self, request: PermissionRequest) -> Option:
        keys = {option.key: option for option in request.options}
        while True:
            self._console.write_error(f"Answer [{'/'.join(keys)}]: ".encode())
            answer, is_timely = await self._context.reader.answer(self.clock)
            if answer is None:
                return next(option for option in request.options if option.answer is Answer.REJECT_ONCE)
            option = keys.get(answer.strip().lower())
            if not is_timely:
                self._put_aside(answer, is_message=option is None)
            elif option is not None:
                return option

    def _put_aside(self, line: str, *, is_message: bool) -> None:
        """Keeps what was typed while the turn ran; a lone letter was meant for a question, and not for this one."""
        if is_message and line.strip():
            self._waiting.append(line)
            self._writer.say(f"{TYPED_BEFORE} It is sent when the turn has ended.")
        else:
            self._writer.say(TYPED_BEFORE)

    async def _reason(self) -> str:
        self._console.write_error(b"Why not? (Enter: no reason) ")
        return (await self._context.reader.line() or "").strip()
