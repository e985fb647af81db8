"""The composition root: one ``Sidecar`` a process, behind the shim or on the process's own terminal.

What is slow to import is imported where it is first needed: nothing of it may delay the handshake line.
"""

import asyncio
import logging
import os
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from atmos_ai_sidecar import __version__
from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.application.approvals import Approvals

if TYPE_CHECKING:
    from atmos_ai_sidecar.adapters.console import LocalConsole
    from atmos_ai_sidecar.application.doctor import CheckedFinding
    from atmos_ai_sidecar.application.ports.console import Console
    from atmos_ai_sidecar.application.progress import Progress
    from atmos_ai_sidecar.application.workspace import ConfirmTrust, Run, RunOptions, Workspace
    from atmos_ai_sidecar.composition.workspaces import Workspaces
    from atmos_ai_sidecar.rpc.server import Server
    from atmos_ai_sidecar.sidecar.serve import Launch, RunningSidecar
    from atmos_ai_sidecar.terminal.services import CommandServices, DemoSetup, OpenQuestion

CAPABILITIES = ("chat", "permissions", "sessions", "terminal", "tools")


class Sidecar:
    """What the runs of one process share, and how each of them gets its workspace."""

    def __init__(self) -> None:
        self.instance_id = secrets.token_hex(16)
        self.clock = SystemClock()
        self.start_time = self.clock.now()
        self.approvals = Approvals(clock=self.clock, owner=self.instance_id)
        self._workspaces: Workspaces | None = None

    def open_workspace(
        self,
        run: "Run",
        options: "RunOptions",
        *,
        confirm_trust: "ConfirmTrust | None" = None,
        needs_trust: bool = True,
        opening: "Progress | None" = None,
    ) -> "AbstractAsyncContextManager[Workspace]":
        """Opens a workspace for one run. See ``OpenWorkspace``."""
        if self._workspaces is None:
            from atmos_ai_sidecar.composition.workspaces import Workspaces

            self._workspaces = Workspaces(clock=self.clock, approvals=self.approvals, instance_id=self.instance_id)
        return self._workspaces.open(
            run, options, confirm_trust=confirm_trust, needs_trust=needs_trust, opening=opening
        )

    def open_own_workspace(self) -> "AbstractAsyncContextManager[Workspace]":
        """The workspace of the services: in the directory and environment that this process was started with."""
        from atmos_ai_sidecar.application.workspace import Run, RunOptions

        run = Run(run_id="", directory=str(Path.cwd()), environment=dict(os.environ))
        return self.open_workspace(run, RunOptions(stores_all=True))

    async def run_command(self, arguments: Sequence[str], console: "Console") -> int:
        """Runs one command on a console and returns its exit code."""
        from atmos_ai_sidecar.terminal.main import run_command

        return await run_command(arguments, console, self._services())

    def is_busy(self) -> bool:
        """Whether a turn runs, perhaps one that nobody listens to."""
        return self._workspaces is not None and self._workspaces.is_busy

    async def close(self) -> None:
        """Closes the stores; runs must have ended before."""
        if self._workspaces is not None:
            await self._workspaces.close()

    def _services(self) -> "CommandServices":
        from atmos_ai_sidecar.composition.projects import find_project_file, list_settings, speaks_of_ai
        from atmos_ai_sidecar.composition.staying_sidecars import OwnStayingSidecars
        from atmos_ai_sidecar.terminal.services import CommandServices

        return CommandServices(
            open_workspace=self.open_workspace,
            start_demo=start_demo,
            find_project=find_project_file,
            speaks_of_ai=speaks_of_ai,
            list_settings=list_settings,
            examine_run=self._examine,
            run_foreground_sidecar=self._run_foreground,
            open_questions=_open_questions,
            serve_mcp=self._serve_mcp,
            staying_sidecars=OwnStayingSidecars(),
            clock=self.clock,
            version=__version__,
            log_path=lambda: self._workspaces.log_path if self._workspaces is not None else "",
        )

    async def _examine(self, run: "Run", options: "RunOptions") -> "Sequence[CheckedFinding]":
        from atmos_ai_sidecar.composition.doctor import examine_run

        return await examine_run(run, options, self.open_workspace, self.clock)

    async def _run_foreground(self, console: "Console", role: str, run: "Run", options: "RunOptions") -> int:
        from atmos_ai_sidecar.sidecar.foreground import run_foreground

        async def start(launch: "Launch") -> "RunningSidecar":
            return await self.start(launch, lambda: self.open_workspace(run, replace(options, stores_all=True)))

        return await run_foreground(console, role, start, self.approvals)

    async def _serve_mcp(self, console: "Console", run: "Run", options: "RunOptions") -> int:
        from atmos_ai_sidecar.mcp_server import serve_mcp

        return await serve_mcp(console, lambda: self.open_workspace(run, options), self.approvals, version=__version__)

    async def start(
        self, launch: "Launch", open_workspace: "Callable[[], AbstractAsyncContextManager[Workspace]]"
    ) -> "RunningSidecar":
        """Starts the server; it can be dialled when this returns.

        Args:
            launch: What it is started with.
            open_workspace: Opens the workspace of the services.

        Raises:
            OSError: The socket cannot be bound.
        """
        from atmos_ai_sidecar.rpc.auth import Tokens
        from atmos_ai_sidecar.rpc.parts import Identity, ServerParts
        from atmos_ai_sidecar.rpc.server import start_server

        tokens = Tokens(launch.token)
        parts = ServerParts(
            identity=Identity(
                instance_id=self.instance_id,
                server_version=__version__,
                start_time=self.start_time,
                directory=str(Path.cwd()),
                capabilities=CAPABILITIES,
            ),
            clock=self.clock,
            approvals=self.approvals,
            open_workspace=open_workspace,
            run_command=self.run_command,
            resume_command=_resume_command,
            request_shutdown=launch.request_shutdown,
            is_busy=self.is_busy,
        )
        try:
            server = await start_server(parts, launch.socket_path, tokens)
        except RuntimeError as error:  # what grpc raises for every socket that it cannot bind
            raise OSError(str(error)) from error
        return _Running(self, server, client_token=tokens.mint_client())


class _Running:
    """A sidecar whose server answers; see ``RunningSidecar``."""

    server_version = __version__
    capabilities = CAPABILITIES

    def __init__(self, sidecar: Sidecar, server: "Server", *, client_token: str) -> None:
        self._sidecar = sidecar
        self._server = server
        self.instance_id = sidecar.instance_id
        self.client_token = client_token

    async def wait_unused(self, seconds: float) -> None:
        """Returns when nobody has called and no turn has run for so long."""
        await self._server.wait_unused(seconds)
        while self._sidecar.is_busy():
            await self._sidecar.clock.sleep(1)
            await self._server.wait_unused(seconds)

    async def stop(self, grace_seconds: float) -> None:
        """Ends the server in order and closes what it opened."""
        await self._server.stop(grace_seconds)
        await self._sidecar.close()


async def start_sidecar(launch: "Launch") -> "RunningSidecar":
    """Starts the one server of a process that was launched by another."""
    sidecar = Sidecar()
    return await sidecar.start(launch, sidecar.open_own_workspace)


def main(arguments: Sequence[str]) -> int:
    """Runs one command on this process's own terminal and returns its exit code."""
    from atmos_ai_sidecar.adapters.console import reserve_standard_streams
    from atmos_ai_sidecar.sidecar.privacy import hide_process

    reserve_standard_streams()
    hide_process()
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    for handler in logging.getLogger().handlers:
        handler.setLevel(logging.ERROR)  # the project's log has a level of its own
    return asyncio.run(_run_here(arguments))


async def _run_here(arguments: Sequence[str]) -> int:
    from atmos_ai_sidecar.adapters.console import run_on_local_console
    from atmos_ai_sidecar.composition.own_prompter import OwnPrompter

    sidecar = Sidecar()
    prompter = OwnPrompter(sidecar.approvals, sidecar.clock)

    async def command(console: "LocalConsole") -> int:
        prompter.run_id = console.run_id
        return await sidecar.run_command(arguments, console)

    try:
        return await run_on_local_console(command, prompter)
    finally:
        await prompter.close()
        await sidecar.close()


def _open_questions(environment: "Mapping[str, str]") -> "AbstractAsyncContextManager[Sequence[OpenQuestion]]":
    from atmos_ai_sidecar.rpc.answering import remote_questions
    from atmos_ai_sidecar.sidecar.directory import sockets
    from atmos_ai_sidecar.sidecar.warm_places import warm_sidecars

    known = {sidecar.socket_path: sidecar.token for sidecar in warm_sidecars(environment)}
    given = environment.get("ATMOS_AI_TOKEN", "")
    return remote_questions({str(path): given for path in sockets() if given} | known)


def _resume_command(token: str) -> Sequence[str]:
    from atmos_ai_sidecar.terminal.main import resume_command

    return resume_command(token)


@asynccontextmanager
async def start_demo(console: "Console") -> "AsyncIterator[DemoSetup]":
    """A copy of the demo project in a temporary folder, and an offline model that answers about it."""
    from atmos_ai_sidecar.demo.demo import (
        FIRST_PROMPTS,
        FIRST_QUESTIONS,
        NOTICE,
        PIECE_DELAY_SECONDS,
        demo_folder,
        prepare_demo,
    )
    from atmos_ai_sidecar.demo.offline_model.server import offline_model
    from atmos_ai_sidecar.terminal.services import DemoSetup

    with demo_folder() as directory:
        async with offline_model(piece_delay_seconds=PIECE_DELAY_SECONDS) as model:
            demo = prepare_demo(directory, model.url)
            yield DemoSetup(
                directory=str(demo.project),
                environment=demo.over(console.environment),
                questions=FIRST_QUESTIONS,
                prompts=FIRST_PROMPTS,
                notice=NOTICE,
            )
