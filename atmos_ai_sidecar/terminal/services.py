"""What the commands are given: the use cases, and what only the composition root can start."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from atmos_ai_sidecar.application.doctor import CheckedFinding
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.console import Console
from atmos_ai_sidecar.application.settings import Setting
from atmos_ai_sidecar.application.workspace import OpenWorkspace, Run, RunOptions
from atmos_ai_sidecar.domain.requests import Option
from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSetup:
    """A demo that is ready: a project of its own, an offline model and a replayed Atmos."""

    directory: str
    """The copy of the demo project, absolute."""
    environment: Mapping[str, str]
    """The caller's environment, with what the demo needs and without what would lead away from it."""
    questions: Sequence[str]
    """First prompts that work and need no approval."""
    prompts: Sequence[str]
    """First prompts for a chat, where somebody can approve."""
    notice: str
    """One line that says what is real and what is not."""


StartDemo = Callable[[Console], AbstractAsyncContextManager[DemoSetup]]
"""Prepares a demo; leaving the context removes it again."""

FindProject = Callable[[Run, RunOptions], str]
"""The path of the project's atmos.yaml as Atmos would find it; empty when there is none."""

SpeaksOfAi = Callable[[str, str], bool]
"""Whether the text of a configuration file has a section ``ai``; the second argument names the file in errors."""

ListSettings = Callable[[Run, RunOptions], Sequence[Setting]]
"""What the files of a run's project set; it reads files, so callers on an event loop use a thread."""

ExamineRun = Callable[[Run, RunOptions], Awaitable[Sequence[CheckedFinding]]]
"""Checks whether everything is in place for a run."""

RunForegroundSidecar = Callable[[Console, str, Run, RunOptions], Awaitable[int]]
"""Serves one run's project until a signal, prints a token of the role owner or client, and returns the exit code."""

ServeMcp = Callable[[Console, Run, RunOptions], Awaitable[int]]
"""Serves one run's tools over MCP on a console until its input ends, and returns the exit code."""


class OpenQuestion(Protocol):
    """A question that another sidecar asks."""

    @property
    def id(self) -> str:
        """What the answer names."""

    @property
    def lines(self) -> Sequence[str]:
        """The question, sanitised, ready to print."""

    @property
    def options(self) -> Sequence[Option]:
        """The possible answers."""

    async def answer(self, option_id: str, comment: str) -> str:
        """Answers it, and returns how it was settled."""


OpenQuestions = Callable[[Mapping[str, str]], AbstractAsyncContextManager[Sequence[OpenQuestion]]]
"""The open questions of this user's warm sidecars, and of those that know the token in the environment's
``ATMOS_AI_TOKEN``; they can be answered within the context."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StayingSidecar:
    """A sidecar that stays warm for later runs of a project."""

    project: str
    """The project's directory, absolute and real."""
    process_id: int
    version: str


class StayingSidecars(Protocol):
    """The user's sidecars that stay warm."""

    def list(self, environment: Mapping[str, str]) -> Sequence[StayingSidecar]:
        """Those that live, by project."""

    def instructions(self, sidecar: StayingSidecar) -> str:
        """How to call one, to be pasted into a shell."""

    async def stop(self, sidecar: StayingSidecar, *, force: bool) -> bool:
        """Ends one; whether it is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandServices:
    open_workspace: OpenWorkspace
    start_demo: StartDemo
    find_project: FindProject
    speaks_of_ai: SpeaksOfAi
    list_settings: ListSettings
    examine_run: ExamineRun
    run_foreground_sidecar: RunForegroundSidecar
    open_questions: OpenQuestions
    serve_mcp: ServeMcp
    staying_sidecars: StayingSidecars
    clock: Clock
    version: str
    log_path: Callable[[], str]
    """The log that this process writes; empty when it writes none."""
