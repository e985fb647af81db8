"""The chat on a screen: one conversation, drawn inline, so that the terminal's own scrollback keeps it."""

import asyncio
import shlex
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

from prompt_toolkit.application import create_app_session

from atmos_ai_sidecar.application.ports.approver import Attendance
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.progress import Progress
from atmos_ai_sidecar.application.workspace import TrustQuestion, Workspace
from atmos_ai_sidecar.domain.events import (
    PermissionRequested,
    PermissionResolved,
    SessionEvent,
    TurnFinished,
    TurnStarted,
)
from atmos_ai_sidecar.domain.messages import Message, Usage
from atmos_ai_sidecar.domain.requests import PermissionRequest
from atmos_ai_sidecar.errors import SidecarError
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.chat.asking import Asking
from atmos_ai_sidecar.terminal.chat.completion import Word
from atmos_ai_sidecar.terminal.chat.conversation import Conversation
from atmos_ai_sidecar.terminal.chat.keys import ChatActions
from atmos_ai_sidecar.terminal.chat.live_turn import Expanded, Note
from atmos_ai_sidecar.terminal.chat.memory import Memory
from atmos_ai_sidecar.terminal.chat.picking import Picking
from atmos_ai_sidecar.terminal.chat.safekeeping import Safekeeping
from atmos_ai_sidecar.terminal.chat.saving import is_stored
from atmos_ai_sidecar.terminal.chat.settings import ChatSettings, resume_token
from atmos_ai_sidecar.terminal.chat.slash_commands import COMMANDS, is_slash_command, run_slash_command
from atmos_ai_sidecar.terminal.chat.stage import Stage
from atmos_ai_sidecar.terminal.chat.transcript import UserSaid, entries, header
from atmos_ai_sidecar.terminal.render.ends import end_text
from atmos_ai_sidecar.terminal.render.health import health_lines
from atmos_ai_sidecar.terminal.render.palette import Palette, visible

TWICE_SECONDS = 2.0
SHOWN_PAST = 200
"""Of a long session the newest entries are shown again."""


async def run_chat(settings: ChatSettings) -> int:
    """Runs a chat until the user leaves, and returns the exit code.

    Raises:
        SidecarError: The workspace could not be opened; the terminal is as it was before.
    """
    return await ChatUI(settings).run()


class ChatUI:
    """One chat on one console. Nothing of it is shared with another one in the same process."""

    def __init__(self, settings: ChatSettings) -> None:
        self._settings = settings
        self._context = settings.context
        self._console = settings.context.console
        self._picking = Picking(self)
        self._stage = Stage(
            settings.context, self._actions(), self._picking.picker, send=self.submit, wants_names=self._want_files
        )
        self._asking = Asking(self._stage, show_error=self.show_error, spawn=self.spawn)
        self._turn = self._stage.turn
        self._panel = self._stage.panel
        self._composer = self._stage.composer
        self._composer.words.commands = _command_words()
        self._memory = Memory(self._composer, self._stage, self.clock)
        self._safekeeping = Safekeeping(self._composer, self.clock, complain=self._memory.complain)
        self._opening = ExitStack()
        self._conversation: Conversation | None = None
        self._failure: BaseException | None = None
        self._left: int | None = None
        self._shown_turns: set[str] = set()
        self._commands: list[str] = []
        self._command: asyncio.Task[None] | None = None
        self._may_send = asyncio.Event()
        self._follower: asyncio.Task[None] | None = None
        self._last_interrupt = -TWICE_SECONDS
        self._has_spoken = False

    # The View of slash commands.

    @property
    def clock(self) -> Clock:
        return self._context.services.clock

    @property
    def palette(self) -> Palette:
        return Palette(enabled=False)

    @property
    def conversation(self) -> Conversation | None:
        return self._conversation

    @asynccontextmanager
    async def waiting(self, what: str, progress: Progress | None = None) -> AsyncIterator[None]:
        self._stage.wake()
        with self._stage.status.waiting(what, progress):
            yield

    def wake(self) -> None:
        self._stage.wake()

    async def examine(self) -> Sequence[str]:
        findings = await self._context.services.examine_run(self._context.run, self._context.options)
        return health_lines(findings, self.palette)

    def pick_session(self) -> bool:
        self._picking.open()
        return True

    def say(self, text: str) -> None:
        self._stage.add(Note(text=text))

    def show_error(self, error: SidecarError) -> None:
        self._stage.add(Note(text=f"Error: {visible(str(error))}", tone="error"))

    def clear(self) -> None:
        self._stage.clear()

    def send(self, text: str) -> None:
        self._composer.queue(text, is_next=True)
        self._may_send.set()

    def leave(self) -> None:
        self._stage.leave(exit_codes.DONE)

    async def show_session(self) -> None:
        """Shows the session with everything that was said in it, and follows it from now on."""
        conversation = self._conversation
        if conversation is None:
            return
        if self._settings.can_resume:
            self._console.offer_resume(resume_token(conversation.session.name, self._context.options))
        description = conversation.workspace.describe()
        self._stage.show_header(
            header(
                description,
                conversation.session,
                self._context.writer.out,
                version=self._context.services.version,
                is_new=conversation.is_new,
                model=conversation.model,
                home=self._console.environment.get("HOME", ""),
            )
        )
        messages, seq = await conversation.past()
        self._shown_turns = {message.turn_id for message in messages}
        if not conversation.is_new:
            await self._show_past(conversation, messages)
        if told := await self._safekeeping.bring_back(conversation):
            self.say(told)
        await self._follow(conversation, seq)
        await self._measure(conversation)

    async def _show_past(self, conversation: Conversation, messages: Sequence[Message]) -> None:
        past = list(entries(messages, conversation.title))
        await self._stage.prepare()
        if len(past) > SHOWN_PAST:
            self.say(f"… {len(past) - SHOWN_PAST} entries before these; /export writes all of them to a file.")
        self._stage.show_past(past[-SHOWN_PAST:])
        self._composer.remember(entry.text for entry in past if isinstance(entry, UserSaid))
        end = await conversation.last_end()
        if end is not None and (text := end_text(end)):
            self._stage.add(Note(text=text, tone="dim"))

    async def _measure(self, conversation: Conversation) -> None:
        """Learns how full the model's window is, and what the session has cost."""
        status = self._stage.status
        try:
            use, spent = await conversation.context(), await conversation.spent()
        except SidecarError as error:
            self.show_error(error)
            return
        status.context_tokens, status.window_tokens = use.total, use.window
        if not self._turn.is_working:
            status.spent = spent.usage
        self._stage.wake()

    # Its life.

    async def run(self) -> int:
        stage = self._stage
        with create_app_session(input=stage.input, output=stage.output):
            tasks = [asyncio.create_task(work) for work in (self._live(), *stage.work())]
            self._console.on_signal(self._on_signal)
            try:
                self._left = code = await stage.run()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        if self._failure is not None:
            raise self._failure
        can_resume = self._settings.can_resume and self._has_spoken
        if self._conversation is not None and can_resume and is_stored(self._conversation):
            name = shlex.quote(visible(self._conversation.session.name))
            option = f"--session={name}" if name.startswith("-") else f"--session {name}"
            self._context.writer.say(f"This session is kept: atmos-ai chat {option}")
        return code

    async def _live(self) -> None:
        opening = Progress()
        self._opening.enter_context(self._stage.status.waiting("opening the project", opening))
        try:
            await self._console.drain()  # the first frame goes out before anything slow begins
            async with self._context.services.open_workspace(
                self._context.run,
                replace(self._context.options, may_forget=not self._settings.continues),
                confirm_trust=self._confirm_trust,
                opening=opening,
            ) as workspace:
                await self._serve(workspace)
        except Exception as error:  # noqa: BLE001 - told by the caller when the terminal is itself again
            self._failure = error
            self._stage.leave(exit_codes.ERROR)

    async def _confirm_trust(self, question: TrustQuestion) -> bool:
        return await self._asking.confirm_trust(question)

    async def _serve(self, workspace: Workspace) -> None:
        conversation = await Conversation.begin(
            workspace,
            name=self._settings.session,
            continues=self._settings.continues,
            model=self._context.options.model,
        )
        try:
            await self._converse(conversation)
        finally:
            on_purpose = self._left in {exit_codes.DONE, exit_codes.of_signal("INT")}
            self._safekeeping.settle(conversation, is_wanted=on_purpose)

    async def _converse(self, conversation: Conversation) -> None:
        workspace = conversation.workspace
        await self._memory.load_history(workspace)
        self._opening.close()
        self._conversation = self._stage.status.conversation = conversation
        if self._settings.notice:
            self._stage.show_header([self._settings.notice])
        await self.show_session()
        for hint in self._settings.hints:
            self._stage.add(Note(text=f"  Try: {hint}", tone="dim"))
        works = (self._prepare_model(workspace), self._learn(workspace), self._safekeeping.run(conversation))
        preparing = [asyncio.create_task(work) for work in works]
        try:
            await self._stage.prepare()
            await self._send_waiting(conversation)
        finally:
            tasks = [*preparing, *([self._follower] if self._follower else [])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _prepare_model(self, workspace: Workspace) -> None:
        status = self._stage.status
        status.is_loading_model = True
        try:
            await workspace.prepare_model()
        finally:
            status.is_loading_model = False
            self._stage.wake()

    async def _learn(self, workspace: Workspace) -> None:
        """Tells how big the project is, as soon as Atmos has said it, unless somebody is talking already."""
        names = await self._memory.load_names(workspace)
        if names is not None and names.stacks and not self._has_spoken:
            counts = (_counted(len(names.stacks), "stack"), _counted(len(names.components), "component"))
            self._stage.add(Note(text=f"{' · '.join(counts)} · @ completes their names", tone="dim"))

    async def _send_waiting(self, conversation: Conversation) -> None:
        self._may_send.set()
        while True:
            await self._may_send.wait()
            self._may_send.clear()
            while self._commands:
                await self._run_command(conversation, self._commands.pop(0))
            while not self._turn.is_working and (text := self._composer.take_waiting()) is not None:
                await self._start(conversation, text)

    async def _run_command(self, conversation: Conversation, text: str) -> None:
        """Runs a slash command, which Esc may end."""
        self._command = command = asyncio.create_task(run_slash_command(conversation, self, text))
        try:
            await asyncio.wait((command,))
        finally:
            self._command = None
            if not command.done():
                command.cancel()
                await asyncio.wait((command,))
        if command.cancelled():
            self._stage.add(Note(text="Cancelled.", tone="dim"))
        else:
            await command

    async def _start(self, conversation: Conversation, text: str) -> None:
        self._turn.begin()
        self._stage.wake()
        try:
            await conversation.workspace.chat.start_turn(
                conversation.session.id,
                text,
                model=conversation.chosen_model,
                run_id=self._console.run_id,
                attendance=Attendance.PRESENT,
            )
        except SidecarError as error:
            self._turn.stop()
            self.show_error(error)
            self._composer.put_back(text)
            self._composer.sent()
        else:
            self._composer.sent()
            self._has_spoken = True
            await self._memory.keep(conversation.workspace, text)

    async def _follow(self, conversation: Conversation, seq: int) -> None:
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.gather(self._follower, return_exceptions=True)
        listening = asyncio.Event()
        self._follower = asyncio.create_task(self._listen(conversation, seq, listening))
        await listening.wait()

    async def _listen(self, conversation: Conversation, seq: int, listening: asyncio.Event) -> None:
        chat, session_id = conversation.workspace.chat, conversation.session.id
        try:
            async with chat.events(session_id, after_seq=seq, follows_others=True) as events:
                listening.set()
                if conversation.is_working or await conversation.is_working_elsewhere():
                    self._turn.begin()
                async for happened in events:
                    self._take(happened, conversation)
        except SidecarError as error:
            self.show_error(error)
        finally:
            listening.set()

    def _take(self, happened: SessionEvent, conversation: Conversation) -> None:
        event = happened.event
        if isinstance(event, TurnStarted) and happened.turn_id in self._shown_turns:
            self._turn.begin()  # its question was stored a moment before it was told, and stands there already
        else:
            self._turn.take(event)
        match event:
            case PermissionRequested():
                self._ask(event.request, conversation)
            case PermissionResolved():
                self._panel.remove(event.permission_request_id)
                if event.resolved_by != "chat":
                    self._stage.add(Note(text=_settled(event), tone="dim"))
            case TurnFinished():
                self._panel.remove_all()
                self._settle()
                self.spawn(self._measure(conversation))
                self._may_send.set()
        self._stage.wake()

    def _ask(self, request: PermissionRequest, conversation: Conversation) -> None:
        approvals = conversation.workspace.approvals
        if approvals.is_asked_here(request.id):
            self._asking.ask(request, approvals)
        else:
            self._stage.add(Note(text=f"Another chat is asked: {request.title}: may this run?", tone="dim"))

    def _settle(self) -> None:
        """Adds the turn to what the session has cost."""
        status = self._stage.status
        status.spent = status.spent + self._turn.usage if status.spent is not None else None
        self._turn.usage = Usage()

    def _want_files(self) -> None:
        if self._conversation is not None:
            self.spawn(self._memory.list_files(self._conversation.workspace))

    # Keys and signals.

    def _actions(self) -> ChatActions:
        return ChatActions(
            interrupt=self._interrupt,
            cancel=self._cancel,
            is_running_command=lambda: self._command is not None,
            leave=self.leave,
            suspend=lambda: self.spawn(self._stage.suspend()),
            pick_session=self._picking.open,
            show_output=self._show_output,
            toggle_read_only=self._toggle_read_only,
        )

    def submit(self, text: str) -> None:
        if is_slash_command(text):
            self._commands.append(text)
        else:
            self._composer.queue(text)
        self._may_send.set()
        self._stage.wake()

    def _interrupt(self) -> None:
        now = self.clock.monotonic()
        if now - self._last_interrupt < TWICE_SECONDS:
            self._stage.leave(exit_codes.of_signal("INT"))
            return
        self._last_interrupt = now
        if self._turn.is_working or self._command is not None:
            self._cancel()
        elif self._composer.buffer.text:
            self._composer.buffer.reset()
        self._stage.hint("Ctrl-C again leaves")

    def _cancel(self) -> None:
        if self._command is not None:
            self._command.cancel()
        elif self._conversation is not None:
            self.spawn(self._cancel_turn(self._conversation))
        else:
            self.leave()

    async def _cancel_turn(self, conversation: Conversation) -> None:
        try:
            if not await conversation.cancel() and await conversation.is_working_elsewhere():
                self._stage.hint("another chat runs this turn")
        except SidecarError as error:
            self.show_error(error)

    def _show_output(self) -> None:
        """Shows the newest output in full; pressed again, the one before it."""
        outputs = self._turn.outputs
        ran = outputs.next()
        if ran is None:
            self._stage.hint("no tool has printed anything" if outputs.is_empty else "that was the first output")
        else:
            self._stage.add(Expanded(ran=ran))

    def _toggle_read_only(self) -> None:
        if self._conversation is not None:
            permissions = self._conversation.workspace.permissions
            permissions.set_read_only(read_only=not permissions.is_read_only)
            self._stage.wake()

    def _on_signal(self, name: str) -> None:
        if name == "CONT":
            self._stage.resize()
        else:
            self._stage.leave(exit_codes.of_signal(name))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._stage.application.create_background_task(work)


def _command_words() -> list[Word]:
    return [
        Word(text=name, about=command.help, needs_more=command.arguments[:1] not in {"", "["})
        for name, command in COMMANDS.items()
    ]


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _settled(event: PermissionResolved) -> str:
    return f"The question was settled elsewhere: {event.outcome.value.replace('_', ' ')} ({event.resolved_by})."
