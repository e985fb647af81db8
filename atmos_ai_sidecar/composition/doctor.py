"""The checks of `doctor`: what this installation, this project and its model need."""

import asyncio
import os
import platform
import shutil
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import cached_property
from pathlib import Path

from atmos_ai_sidecar import __version__
from atmos_ai_sidecar.adapters.atmos.command_line import find_atmos, tool_environment
from atmos_ai_sidecar.adapters.local_tools.program_runner import WardenedRunner
from atmos_ai_sidecar.adapters.user_state import TrustFile, state_directory
from atmos_ai_sidecar.application.doctor import Check, CheckedFinding, Finding, Health, examine
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.program_runner import Completion, Program
from atmos_ai_sidecar.application.trust import Trust, is_run_trusted
from atmos_ai_sidecar.application.workspace import OpenWorkspace, Run, RunOptions, Workspace
from atmos_ai_sidecar.composition.chosen_model import ChosenModel
from atmos_ai_sidecar.composition.configurations import configuration_of
from atmos_ai_sidecar.composition.evaluation import evaluated
from atmos_ai_sidecar.composition.mcp_sources import mcp_sources
from atmos_ai_sidecar.configuration import Config, Storage
from atmos_ai_sidecar.domain.tools import ExecutionClass
from atmos_ai_sidecar.domain.trust import TrustSubject
from atmos_ai_sidecar.errors import AIDisabledError, AtmosNotFoundError, ConfigurationInvalidError, SidecarError
from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.sidecar.directory import DirectoryError, make_directory, remove_directory

_SHIM = "atmos-ai"
_MEND_SERVER = "Mend it below `mcp.servers`, or remove it; the assistant works without."
_NEUTRAL = "/"
"""A folder of no project: nothing of an untrusted one may run."""


async def examine_run(
    run: Run, options: RunOptions, open_workspace: OpenWorkspace, clock: Clock
) -> Sequence[CheckedFinding]:
    """Examines what a run would meet; changes nothing but that the store is opened as any command opens it."""
    installation = _Installation(run=run, clock=clock)
    try:
        config = await asyncio.to_thread(configuration_of, run, options, allow_disabled=True)
        if config.unevaluated and not _is_trusted(run, options, config, clock):
            raise config.unevaluated[0].error()
        config = await evaluated(config, run, options, clock)
    except (AIDisabledError, AtmosNotFoundError, ConfigurationInvalidError) as error:
        return await examine({**installation.checks, **_unusable(error)}, clock)
    project = _Project(run=run, options=options, open_workspace=open_workspace, clock=clock, config=config)
    return await examine({**installation.checks, **project.checks}, clock)


def _unusable(error: SidecarError) -> Mapping[str, Check]:
    """The checks of a project whose configuration cannot be used."""

    async def configuration() -> Finding:
        raise error

    async def skipped() -> Finding:
        return Finding(health=Health.SKIPPED, detail="the configuration cannot be used")

    return {"configuration": configuration, **dict.fromkeys(("trust", "store", "rules", "mcp", "model"), skipped)}


def _with_atmos(check: Check) -> Check:
    """A check that needs atmos: what is wrong with that is another check's finding."""

    async def checked() -> Finding:
        try:
            return await check()
        except AtmosNotFoundError:
            return Finding(health=Health.SKIPPED, detail="it needs atmos")

    return checked


@dataclass(frozen=True, slots=True, kw_only=True)
class _Installation:
    run: Run
    clock: Clock

    @property
    def checks(self) -> Mapping[str, Check]:
        return {
            "python": self.python,
            "shim": self.shim,
            "socket": self.socket,
            "state": self.state,
            "atmos": self.atmos,
        }

    async def python(self) -> Finding:
        detail = f"{platform.python_version()} at {sys.executable}, atmos-ai-sidecar {__version__}"
        return Finding(health=Health.OK, detail=detail)

    async def shim(self) -> Finding:
        path = shutil.which(_SHIM, path=sysconfig.get_path("scripts"))
        if path is None:
            return Finding(
                health=Health.WARNING,
                detail=f"there is no {_SHIM} beside {sys.executable}; only `python -I -m atmos_ai_sidecar` works",
                remedy="Reinstall atmos-ai-sidecar, or run `make setup` in its tree.",
            )
        done = await self._output(path, "version")
        version = done.stdout.partition("\n")[0].removeprefix(_SHIM).strip()
        if done.exit_code or version != __version__:
            return Finding(
                health=Health.FAILED,
                detail=f"{path} is version {version or 'unknown'}, the package is {__version__}",
                remedy="Reinstall atmos-ai-sidecar, or run `make setup` in its tree.",
            )
        return Finding(health=Health.OK, detail=f"{version} at {path}")

    async def socket(self) -> Finding:
        try:
            directory = make_directory()
        except DirectoryError as error:
            return Finding(
                health=Health.FAILED, detail=str(error), remedy="Set XDG_RUNTIME_DIR to a short path of yours."
            )
        remove_directory(directory)
        return Finding(health=Health.OK, detail=f"private directories below {directory.parent}")

    async def state(self) -> Finding:
        folder = state_directory(self.run.environment)
        nearest = _nearest(folder)
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
            return Finding(
                health=Health.FAILED,
                detail=f"{nearest} cannot be written to: no answer is remembered, and only what reads can run",
                remedy="Mend its permissions, or set XDG_STATE_HOME to a folder of yours.",
            )
        return Finding(health=Health.OK, detail=f"trust, answers and the key of the audit trail in {folder}")

    async def atmos(self) -> Finding:
        path = find_atmos(self.run.environment)
        done = await self._output(path, "version")
        if done.exit_code:
            said = (done.stderr or done.stdout).strip().partition("\n")[0] or "it says nothing"
            detail = f"`{path} version` ends with exit code {done.exit_code}: {said}"
            return Finding(health=Health.FAILED, detail=detail, remedy="Reinstall Atmos.")
        version = next((line.strip() for line in done.stdout.splitlines() if "Atmos" in line), "unknown version")
        return Finding(health=Health.OK, detail=f"{version} at {path}")

    async def _output(self, *arguments: str) -> Completion:
        program = Program(
            arguments=arguments,
            directory=_NEUTRAL,
            environment=tool_environment(self.run.environment),
            execution_class=ExecutionClass.READ,
        )
        return await WardenedRunner(clock=self.clock).run(program, lambda _piece: None)


@dataclass(frozen=True, kw_only=True)
class _Project:
    run: Run
    options: RunOptions
    open_workspace: OpenWorkspace
    clock: Clock
    config: Config

    @property
    def checks(self) -> Mapping[str, Check]:
        return {
            "configuration": self.configuration,
            "trust": self.trust,
            "store": self.store,
            "rules": self.rules,
            "mcp": _with_atmos(self.mcp),
            "model": self.model,
        }

    async def configuration(self) -> Finding:
        config = self.config
        if not config.enabled:
            return Finding(
                health=Health.FAILED,
                detail=f"{config.file} does not switch the assistant on",
                remedy="Set `ai.enabled: true`; `atmos-ai init` does it.",
            )
        if config.warnings:
            return Finding(health=Health.WARNING, detail="; ".join(config.warnings))
        return Finding(health=Health.OK, detail=str(config.file))

    async def trust(self) -> Finding:
        if self._is_trusted:
            return Finding(health=Health.OK, detail="the project is trusted as it is now")
        return Finding(
            health=Health.WARNING,
            detail="the project is unknown or has changed; nothing of it runs",
            remedy="`atmos-ai chat` asks once; `--trust-project` trusts it for one run.",
        )

    async def store(self) -> Finding:
        sessions = self.config.sessions
        if not sessions.enabled:
            return Finding(health=Health.WARNING, detail="sessions live in memory only: ai.sessions.enabled is false")
        if sessions.storage is Storage.POSTGRES and not self._is_trusted:
            return Finding(health=Health.SKIPPED, detail="postgres: not asked, the project is not trusted")
        async with self._workspace() as workspace:
            await workspace.sessions.list(limit=1)
        where = "" if sessions.storage is Storage.POSTGRES else f" in {sessions.path}"
        return Finding(health=Health.OK, detail=f"{sessions.storage}{where}")

    async def rules(self) -> Finding:
        async with self._workspace() as workspace:
            permissions = workspace.permissions
            policy, warnings = permissions.pin(), permissions.warnings
        if warnings:
            return Finding(health=Health.WARNING, detail=" ".join(warnings), remedy="Correct the name, or remove it.")
        words = f"mode {permissions.mode}, {len(policy.rules.rules)} rules, {len(policy.grants)} remembered answers"
        return Finding(health=Health.OK, detail=words)

    async def mcp(self) -> Finding:
        if not self.config.mcp_enabled:
            return Finding(health=Health.OK, detail="off: mcp.enabled is not true")
        if not self._is_trusted:
            return Finding(health=Health.SKIPPED, detail="no server is started, the project is not trusted")
        _atmos, *sources = mcp_sources(self.run, self.options, self.config, self.clock)
        try:
            found = await asyncio.gather(*(source.tools() for source in sources))
            problems = [problem for source in sources for problem in source.problems]
        finally:
            await asyncio.gather(*(source.close() for source in sources))
        if problems:
            return Finding(health=Health.WARNING, detail=" ".join(problems), remedy=_MEND_SERVER)
        servers = [tool.name.partition("__")[0] for tools in found for tool in tools]
        counted = [f"{server.name} has {servers.count(server.name)} tools" for server in self.config.mcp_servers]
        return Finding(health=Health.OK, detail=", ".join(counted) or "no servers below mcp.servers")

    async def model(self) -> Finding:
        options = self.options
        chosen = ChosenModel(
            self.config, self.run.environment, provider=options.provider, model=options.model, clock=self.clock
        )
        try:
            await chosen.check()
            if not self._is_trusted:
                return Finding(
                    health=Health.SKIPPED,
                    detail=f"{chosen.name} at {chosen.endpoint}: not asked, the project is not trusted",
                )
            told = await chosen.reach()
        finally:
            await chosen.close()
        return Finding(health=Health.OK, detail=f"{chosen.name} at {chosen.endpoint}: {told}")

    def _workspace(self) -> AbstractAsyncContextManager[Workspace]:
        return self.open_workspace(self.run, self.options, needs_trust=False)

    @cached_property
    def _is_trusted(self) -> bool:
        return _is_trusted(self.run, self.options, self.config, self.clock)


def _nearest(folder: Path) -> Path:
    """The folder, or the first above it that there is as far as one may look."""
    return next(path for path in (folder, *folder.parents) if os.path.exists(path))  # noqa: PTH110 - pathlib raises


def _is_trusted(run: Run, options: RunOptions, config: Config, clock: Clock) -> bool:
    for_this_run = is_run_trusted(run.environment, flag=options.trust_project)
    trust = Trust(TrustFile(state_directory(run.environment)), clock, for_this_run=for_this_run)
    subject = TrustSubject(directory=str(config.directory), files=config.files, claims=config.claims)
    return trust.question(subject) is None
