"""What a command works with."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import field, replace
from functools import partial
from pathlib import Path

from atmos_ai_sidecar.application.ports.console import Console
from atmos_ai_sidecar.application.progress import Progress
from atmos_ai_sidecar.application.workspace import ConfirmTrust, Run, RunOptions, TrustQuestion, Workspace
from atmos_ai_sidecar.errors import SidecarError
from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.terminal.line_reader import LineReader
from atmos_ai_sidecar.terminal.render.palette import visible
from atmos_ai_sidecar.terminal.services import CommandServices
from atmos_ai_sidecar.terminal.waiting_line import WaitingLine, waiting_line
from atmos_ai_sidecar.terminal.writer import Writer

TYPED_BEFORE = "That was typed before the question and does not answer it."
MAX_INPUT_CHARACTERS = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandContext:
    console: Console
    services: CommandServices
    options: RunOptions
    writer: Writer
    reader: LineReader
    directory: str
    environment: Mapping[str, str]
    crash_listeners: list[Callable[[SidecarError], None]] = field(default_factory=list)
    """Called with what is told when the command breaks, so that whoever reads its output hears of it."""

    @property
    def run(self) -> Run:
        return Run(
            run_id=self.console.run_id,
            directory=self.directory,
            environment=self.environment,
            umask=self.console.umask,
        )

    @property
    def is_interactive(self) -> bool:
        """A person types here and sees what we say."""
        return self.console.stdin_is_terminal and self.console.stderr_is_terminal

    @asynccontextmanager
    async def open_workspace(self, *, needs_trust: bool = True, may_forget: bool = False) -> AsyncIterator[Workspace]:
        """The workspace of this run; a person is asked whether an unknown project is trusted.

        With ``may_forget`` it lives in memory when the place of the sessions is no use, see ``RunOptions``.
        """
        options, opening = replace(self.options, may_forget=may_forget), Progress()
        async with AsyncExitStack() as stack:
            async with self.waiting("opening the project", opening) as line:
                confirm: ConfirmTrust | None = partial(self._confirm_trust, line) if self.is_interactive else None
                opened = self.services.open_workspace(
                    self.run, options, confirm_trust=confirm, needs_trust=needs_trust, opening=opening
                )
                workspace = await stack.enter_async_context(opened)
            yield workspace

    def waiting(self, what: str, progress: Progress | None = None) -> AbstractAsyncContextManager[WaitingLine]:
        """Tells a person what takes long while the context is open, and how much of it is done."""
        may_move = not self.options.plain and self.environment.get("TERM", "") not in {"", "dumb"}
        return waiting_line(self.console, self.services.clock, what, progress, may_move=may_move)

    async def load_tools(self, workspace: Workspace) -> None:
        """Finds all tools, and tells a person how many sources have answered."""
        progress = Progress()
        async with self.waiting("finding the tools", progress):
            await workspace.tools.load(progress)

    def path(self, name: str) -> Path:
        """A path as the caller means it."""
        return Path(self.directory, name)

    async def confirm(self, question: str) -> bool:
        """Asks a person; anything but y or yes is no."""
        line = await self.answer(f"{question} [y/N] ")
        if line is None:
            self.writer.say("")
        return (line or "").strip().lower() in {"y", "yes"}

    def tell_left_calls(self, workspace: Workspace, session_id: str) -> None:
        """Says what became of changes that were left to finish; the session itself hears of its own in its turn."""
        for call in workspace.left_calls.list():
            if call.session_id != session_id:
                self.writer.say(visible(f"Note: {workspace.left_calls.sentence(call)}"))

    async def answer(self, prompt: str) -> str | None:
        """The line that is typed after a prompt; None when the input is over. What was typed before it is dropped."""
        while True:
            self.console.write_error(prompt.encode())
            line, is_timely = await self.reader.answer(self.services.clock)
            if is_timely:
                return line
            self.writer.say(TYPED_BEFORE)

    async def _confirm_trust(self, waiting: WaitingLine, question: TrustQuestion) -> bool:
        with waiting.aside():
            for line in question.lines:
                self.writer.say(line)
            return await self.confirm("Trust this project?")
