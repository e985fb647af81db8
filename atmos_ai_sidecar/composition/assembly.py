"""Assembles the use cases of one workspace from what its run brought and what the process shares."""

import asyncio
from collections.abc import Sequence
from functools import cached_property

from atmos_ai_sidecar.adapters.atmos_sessions import AtmosSessions
from atmos_ai_sidecar.adapters.checkpoint_files import CheckpointFiles
from atmos_ai_sidecar.adapters.user_state import InputHistoryFile, UnsentTextsFolder, state_directory
from atmos_ai_sidecar.application.approvals import Approvals
from atmos_ai_sidecar.application.approver import WorkspaceApprover
from atmos_ai_sidecar.application.archive import Archive
from atmos_ai_sidecar.application.audit import Audit
from atmos_ai_sidecar.application.chat import Chat
from atmos_ai_sidecar.application.compaction import Compactor
from atmos_ai_sidecar.application.drafts import Drafts
from atmos_ai_sidecar.application.grants import Grants
from atmos_ai_sidecar.application.left_calls import LeftCalls
from atmos_ai_sidecar.application.permissions import Permissions
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.tool_source import ToolSource
from atmos_ai_sidecar.application.sessions import Sessions
from atmos_ai_sidecar.application.tool_sources import ToolSources
from atmos_ai_sidecar.application.tools import ToolExecutor
from atmos_ai_sidecar.application.turns import TurnParts
from atmos_ai_sidecar.application.validation import prepare_validation
from atmos_ai_sidecar.application.workspace import Run, RunOptions, Workspace, WorkspaceDescription
from atmos_ai_sidecar.composition.attached_files import attached_files
from atmos_ai_sidecar.composition.built_in_tools import BuiltInTools, built_in_tools
from atmos_ai_sidecar.composition.chosen_model import ChosenModel
from atmos_ai_sidecar.composition.engine import Engine
from atmos_ai_sidecar.composition.instructions import system_prompt
from atmos_ai_sidecar.composition.left_calls import left_calls
from atmos_ai_sidecar.composition.mcp_sources import coming_tools
from atmos_ai_sidecar.composition.records import audit_of, grants_of
from atmos_ai_sidecar.composition.run_options import with_allowances
from atmos_ai_sidecar.composition.surroundings import Surroundings
from atmos_ai_sidecar.composition.tool_sources import tool_sources
from atmos_ai_sidecar.configuration import Config
from atmos_ai_sidecar.domain.ages import of_days
from atmos_ai_sidecar.domain.redaction import Redactor, secret_values
from atmos_ai_sidecar.domain.tools import ToolRegistry
from atmos_ai_sidecar.domain.turn import TurnLimits
from atmos_ai_sidecar.lazy_dataclasses import dataclass


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
    kept: Engine | None = None
    """Where sessions are stored when somebody says so; None where ``engine`` is the only place."""
    storage_problem: str = ""

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
            files=attached_files(self.run, self.config, self.clock),
            grants=self.grants,
            audit=self.audit,
            has_tools=self.has_tools,
            undo=self._built_in.undo if self._built_in else None,
            left_calls=self.left_calls,
            describe=self.describe,
            prepare_model=self.prepare,
            drafts=self.drafts,
            check_model=self.model.check,
            history=self._history,
            unsent=self._unsent,
            index=self._built_in.index if self._built_in else None,
        )

    async def close(self) -> None:
        """Ends what the tools have started and what waits for their next call; after the workspace's turns."""
        if self._built_in is not None:
            self._built_in.runner.close()
        await self.tool_sources.close()

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
    def tool_sources(self) -> ToolSources:
        """Where tools come from that are found while the workspace is in use; of two with one name the first stays."""
        return ToolSources(self.registry, self._sources() if self.has_tools else ())

    def _sources(self) -> Sequence[ToolSource]:
        return tool_sources(self.run, self.options, self.config, self.clock)

    @cached_property
    def permissions(self) -> Permissions:
        settings = with_allowances(
            self.config.permissions(yolo=self.options.yolo, read_only=self.options.read_only), self.options
        )
        switched_off = self._built_in.switched_off if self._built_in else ()
        return Permissions(
            settings,
            self.grants,
            self.registry,
            switched_off=switched_off,
            answers_problem=self.config.answers_problem,
            coming_tools=coming_tools(self.config) if self.has_tools else (),
        )

    @cached_property
    def grants(self) -> Grants:
        return grants_of(self.run, self.config, self.clock)

    @cached_property
    def audit(self) -> Audit:
        # What a draft of a session did is on record, also when the session is never saved.
        return audit_of(self.run, self.config, (self.kept or self.engine).store, self.clock, self.redactor)

    @cached_property
    def executor(self) -> ToolExecutor:
        approver = WorkspaceApprover(
            approvals=self.approvals,
            store=self.engine.store,
            clock=self.clock,
            remember=self.permissions.remember,
            directory=self.project_path,
            policy=lambda: self.permissions.settings,
            surroundings=Surroundings(
                directory=self.config.directory, environment=self.run.environment, files=self.config.files
            ).digest_of,
        )
        return ToolExecutor(
            registry=self.registry,
            approver=approver,
            redactor=self.redactor,
            clock=self.clock,
            timeouts=self.config.tools.timeouts,
            outputs=self.engine.store,
            audit=self.audit,
            grants=self.grants,
            sources=self.tool_sources,
        )

    @cached_property
    def left_calls(self) -> LeftCalls:
        return left_calls(self.run, self.project_path, self.clock, self.redactor)

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
        return Sessions(
            self.engine.store,
            project_path=self.project_path,
            model=self.model.name,
            provider=self.model.provider,
            redact=self.redactor.redact,
            is_busy=self.engine.turns.is_running,
            after_create=self._retain,
            drafts=self.drafts,
            listed=self.config.sessions.max_sessions,
        )

    async def _retain(self) -> None:
        """Removes what is older than the configuration says."""
        if days := self.config.sessions.retention_days:
            await self.archive.retain(of_days(days))
        if days := self.config.audit_retention_days:
            await self.audit.retain(of_days(days))

    @cached_property
    def drafts(self) -> Drafts | None:
        if self.kept is None:
            return None
        return Drafts(self.engine.store, kept=self.kept.store, project_path=self.project_path)

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

    @property
    def _history(self) -> InputHistoryFile | None:
        if not self._remembers:
            return None
        state = state_directory(self.run.environment)
        return InputHistoryFile(state, self.project_path, redact=self.redactor.redact)

    @property
    def _unsent(self) -> UnsentTextsFolder | None:
        if not self._remembers:
            return None
        return UnsentTextsFolder(state_directory(self.run.environment), self.project_path, self.clock)

    @property
    def _remembers(self) -> bool:
        """Whether what is typed may be kept."""
        return self.config.sessions.enabled and self.config.sessions.auto_save

    def describe(self) -> WorkspaceDescription:
        """What a header shows now."""
        return WorkspaceDescription(
            project_path=self.project_path,
            model=self.model.name,
            provider=self.model.provider,
            endpoint=self.model.endpoint,
            permission_mode=self.permissions.mode,
            is_ephemeral=not self.config.sessions.enabled,
            saves_on_request=self.kept is not None,
            storage_problem=self.storage_problem,
            warnings=(
                *self.config.warnings,
                *self.permissions.warnings,
                *map(self.left_calls.sentence, self.left_calls.list()),
            ),
        )

    async def prepare(self) -> None:
        """Imports what the first turn needs, in a thread, while the person still reads."""
        if self._built_in is not None:
            self._built_in.runner.prepare()
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
            left_calls=self.left_calls,
            clock=self.clock,
            system=lambda: system_prompt(config, self.redactor),
            max_tokens=self.model.max_tokens,
            timeout_seconds=config.timeout_seconds,
            prices=config.prices,
        )
