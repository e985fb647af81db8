"""Assembles the use cases of one workspace from what its run brought and what the process shares."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial

from atmos_ai_sidecar.adapters.atmos_sessions import AtmosSessions
from atmos_ai_sidecar.adapters.checkpoint_files import CheckpointFiles
from atmos_ai_sidecar.adapters.user_state import GrantsFile, state_directory
from atmos_ai_sidecar.application.approvals import Approvals, WorkspaceApprover
from atmos_ai_sidecar.application.archive import Archive
from atmos_ai_sidecar.application.chat import Chat
from atmos_ai_sidecar.application.compaction import Compactor
from atmos_ai_sidecar.application.permissions import Permissions
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.sessions import Sessions
from atmos_ai_sidecar.application.tools import ToolExecutor
from atmos_ai_sidecar.application.turns import TurnParts
from atmos_ai_sidecar.application.validation import prepare_validation
from atmos_ai_sidecar.application.workspace import Run, RunOptions, Workspace, WorkspaceDescription
from atmos_ai_sidecar.composition.built_in_tools import BuiltInTools, built_in_tools
from atmos_ai_sidecar.composition.chosen_model import ChosenModel
from atmos_ai_sidecar.composition.engine import Engine
from atmos_ai_sidecar.configuration import Config
from atmos_ai_sidecar.domain.prompts import system_blocks
from atmos_ai_sidecar.domain.redaction import Redactor, secret_values
from atmos_ai_sidecar.domain.requests import canonical_json, digest
from atmos_ai_sidecar.domain.tools import ToolRegistry
from atmos_ai_sidecar.domain.turn import TurnLimits

_OTHER_INSTRUCTIONS = "AGENTS.md"
"""What the project tells any assistant; read where it has no instructions of its own for this one."""


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """One workspace in the making; each part is built once, when the first that needs it asks."""

    run: Run
    options: RunOptions
    config: Config
    engine: Engine
    model: ChosenModel
    clock: Clock
    approvals: Approvals
    instance_id: str
    has_tools: bool

    def workspace(self) -> Workspace:
        """The finished workspace.

        Raises:
            AtmosNotFoundError: It has tools, and there is no atmos to run.
        """
        return Workspace(
            run=self.run,
            sessions=self.sessions,
            archive=self.archive,
            chat=self.chat,
            tools=self.executor,
            approvals=self.approvals,
            permissions=self.permissions,
            undo=self._built_in.undo if self._built_in else None,
            describe=self.describe,
            prepare_model=self.prepare,
            check_model=self.model.check,
        )

    @property
    def project_path(self) -> str:
        return str(self.config.directory)

    @cached_property
    def redactor(self) -> Redactor:
        return Redactor(known_values=secret_values(self.run.environment))

    @cached_property
    def registry(self) -> ToolRegistry:
        return ToolRegistry(self._built_in.tools if self._built_in else ())

    @cached_property
    def permissions(self) -> Permissions:
        settings = self.config.permissions(yolo=self.options.yolo, read_only=self.options.read_only)
        grants = GrantsFile(state_directory(self.run.environment), self.project_path)
        switched_off = self._built_in.switched_off if self._built_in else ()
        return Permissions(settings, grants, self.registry, switched_off=switched_off)

    @cached_property
    def executor(self) -> ToolExecutor:
        approver = WorkspaceApprover(
            approvals=self.approvals,
            store=self.engine.store,
            clock=self.clock,
            remember=self.permissions.remember,
            directory=self.project_path,
            policy_digest=lambda: digest(repr(self.permissions.pin()), canonical_json(dict(self.config.files))),
        )
        return ToolExecutor(
            registry=self.registry,
            approver=approver,
            redactor=self.redactor,
            clock=self.clock,
            timeouts=self.config.tools.timeouts,
            outputs=self.engine.store,
        )

    @cached_property
    def archive(self) -> Archive:
        return Archive(
            self.engine.store,
            project_path=self.project_path,
            files=CheckpointFiles(),
            foreign=AtmosSessions(self.config.sessions.path / "sessions.db", self.project_path),
            clock=self.clock,
            redact=self.redactor.redact,
        )

    @cached_property
    def sessions(self) -> Sessions:
        days = self.config.sessions.retention_days
        return Sessions(
            self.engine.store,
            project_path=self.project_path,
            model=self.model.name,
            provider=self.model.provider,
            redact=self.redactor.redact,
            is_busy=self.engine.turns.is_running,
            after_create=partial(self.archive.retain, timedelta(days=days)) if days else None,
        )

    @cached_property
    def chat(self) -> Chat:
        return Chat(
            parts=self._turn_parts(),
            sessions=self.sessions,
            journal=self.engine.store,
            turns=self.engine.turns,
            owner=self.instance_id,
            redact=self.redactor.redact,
            check_model=self.model.check,
            limits=TurnLimits(max_steps=self.config.budget.max_steps),
            budgets=self.config.budget.by_scope,
            neighbours=self.engine.neighbours,
        )

    def describe(self) -> WorkspaceDescription:
        """What a header shows now."""
        return WorkspaceDescription(
            project_path=self.project_path,
            model=self.model.name,
            provider=self.model.provider,
            endpoint=self.model.endpoint,
            permission_mode=self.permissions.mode,
            is_ephemeral=not self.config.sessions.enabled,
            warnings=self.config.warnings,
        )

    async def prepare(self) -> None:
        """Imports what the first turn needs, in a thread, while the person still reads."""
        await asyncio.to_thread(prepare_validation)
        await self.model.prepare()

    @cached_property
    def _built_in(self) -> BuiltInTools | None:
        if not self.has_tools:
            return None
        return built_in_tools(self.run, self.options, self.config, self.engine.store, self.clock)

    def _turn_parts(self) -> TurnParts:
        store, config = self.engine.store, self.config
        return TurnParts(
            store=store,
            broadcast=self.engine.broadcast,
            model=self.model,
            compactor=Compactor(
                store=store, sessions=store, model=self.model, clock=self.clock, settings=config.compaction
            ),
            tools=self.executor,
            permissions=self.permissions,
            clock=self.clock,
            system=lambda: _system(config, self.redactor),
            max_tokens=self.model.max_tokens,
            timeout_seconds=config.timeout_seconds,
            prices=config.prices,
        )


def _system(config: Config, redactor: Redactor) -> Sequence[str]:
    """The system prompt with the project's instructions as they are now."""
    if not config.instructions.enabled:
        return system_blocks("", source="")
    for path in (config.instructions.file, config.directory / _OTHER_INSTRUCTIONS):
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            return system_blocks(redactor.redact(text), source=path.name)
    return system_blocks("", source="")
