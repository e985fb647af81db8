"""Opens workspaces: configuration, trust, store, tools, permissions and model of one run."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from atmos_ai_sidecar.adapters.atmos_sessions import AtmosSessions
from atmos_ai_sidecar.adapters.checkpoint_files import CheckpointFiles
from atmos_ai_sidecar.adapters.user_state import GrantsFile, TrustFile, state_directory
from atmos_ai_sidecar.application.approvals import Approvals, WorkspaceApprover
from atmos_ai_sidecar.application.archive import Archive
from atmos_ai_sidecar.application.chat import Chat
from atmos_ai_sidecar.application.compaction import Compactor
from atmos_ai_sidecar.application.permissions import Permissions
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.sessions import Sessions
from atmos_ai_sidecar.application.tools import ToolExecutor
from atmos_ai_sidecar.application.trust import Trust, is_run_trusted
from atmos_ai_sidecar.application.turns import TurnParts
from atmos_ai_sidecar.application.validation import prepare_validation
from atmos_ai_sidecar.application.workspace import (
    ConfirmTrust,
    Run,
    RunOptions,
    TrustQuestion,
    Workspace,
    WorkspaceDescription,
)
from atmos_ai_sidecar.composition.built_in_tools import built_in_tools
from atmos_ai_sidecar.composition.chosen_model import ChosenModel
from atmos_ai_sidecar.composition.engine import Engine, Engines
from atmos_ai_sidecar.configuration import AtmosFlags, Config, load_configuration
from atmos_ai_sidecar.domain.prompts import system_blocks
from atmos_ai_sidecar.domain.redaction import Redactor, secret_values
from atmos_ai_sidecar.domain.requests import canonical_json, digest
from atmos_ai_sidecar.domain.tools import ToolRegistry
from atmos_ai_sidecar.domain.trust import TrustSubject
from atmos_ai_sidecar.domain.turn import TurnLimits
from atmos_ai_sidecar.errors import ProjectUntrustedError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    """What one run brings, and what was read for it."""

    run: Run
    options: RunOptions
    config: Config


_OTHER_INSTRUCTIONS = "AGENTS.md"
"""What the project tells any assistant; read where it has no instructions of its own for this one."""


class Workspaces:
    """Opens workspaces that share the stores and the questions of this process."""

    def __init__(self, *, clock: Clock, approvals: Approvals, instance_id: str) -> None:
        self._clock = clock
        self._approvals = approvals
        self._instance_id = instance_id
        self._engines = Engines(clock=clock, approvals=approvals, owner=instance_id)

    async def close(self) -> None:
        """Closes the stores; every workspace must have been closed before."""
        await self._engines.close()

    @asynccontextmanager
    async def open(
        self,
        run: Run,
        options: RunOptions,
        *,
        confirm_trust: ConfirmTrust | None = None,
        needs_trust: bool = True,
    ) -> AsyncIterator[Workspace]:
        """Opens a workspace for one run; leaving the context ends its turns. See ``OpenWorkspace``."""
        config = await asyncio.to_thread(
            load_configuration, run.directory, run.environment, AtmosFlags.parsed(options.atmos_flags)
        )
        scope = _Scope(run=run, options=options, config=config)
        is_trusted = await self._check_trust(scope, confirm_trust, needed=needs_trust)
        async with AsyncExitStack() as stack:
            if config.sessions.enabled:
                engine = await self._engines.at(config)
            else:
                engine = await stack.enter_async_context(self._engines.in_memory())
            model = ChosenModel(
                config, run.environment, provider=options.provider, model=options.model, clock=self._clock
            )
            stack.push_async_callback(model.close)
            workspace = self._workspace(scope, engine, model, with_tools=is_trusted)
            stack.push_async_callback(workspace.chat.close)
            yield workspace

    async def _check_trust(self, scope: _Scope, confirm_trust: ConfirmTrust | None, *, needed: bool) -> bool:
        config, run = scope.config, scope.run
        for_this_run = is_run_trusted(run.environment, flag=scope.options.trust_project)
        trust = Trust(TrustFile(state_directory(run.environment)), self._clock, for_this_run=for_this_run)
        subject = TrustSubject(directory=str(config.directory), files=config.files, claims=config.claims)
        if trust.is_trusted(subject):
            return True
        if not needed:
            return False
        question = TrustQuestion(
            project_path=subject.directory, lines=trust.question(subject), has_changed=trust.is_known(subject)
        )
        if confirm_trust is None or not await confirm_trust(question):
            raise ProjectUntrustedError(subject.directory)
        trust.remember(subject)
        return True

    def _workspace(self, scope: _Scope, engine: Engine, model: ChosenModel, *, with_tools: bool) -> Workspace:
        run, options, config = scope.run, scope.options, scope.config
        project_path = str(config.directory)
        redactor = Redactor(known_values=secret_values(run.environment))
        has_tools = with_tools and config.tools.enabled
        built_in = built_in_tools(run, options, config, engine.store, self._clock) if has_tools else None
        registry = ToolRegistry(built_in.tools if built_in else ())
        grants = GrantsFile(state_directory(run.environment), project_path)
        settings = config.permissions(yolo=options.yolo, read_only=options.read_only)
        permissions = Permissions(settings, grants, registry, switched_off=built_in.switched_off if built_in else ())
        approver = WorkspaceApprover(
            approvals=self._approvals,
            store=engine.store,
            clock=self._clock,
            remember=permissions.remember,
            directory=project_path,
            policy_digest=lambda: digest(repr(permissions.pin()), canonical_json(dict(config.files))),
        )
        executor = ToolExecutor(
            registry=registry,
            approver=approver,
            redactor=redactor,
            clock=self._clock,
            timeouts=config.tools.timeouts,
            outputs=engine.store,
        )
        archive = Archive(
            engine.store,
            project_path=project_path,
            files=CheckpointFiles(),
            foreign=AtmosSessions(config.sessions.path / "sessions.db", project_path),
            clock=self._clock,
            redact=redactor.redact,
        )
        days = config.sessions.retention_days
        sessions = Sessions(
            engine.store,
            project_path=project_path,
            model=model.name,
            provider=model.provider,
            redact=redactor.redact,
            is_busy=engine.turns.is_running,
            after_create=partial(archive.retain, timedelta(days=days)) if days else None,
        )
        parts = TurnParts(
            store=engine.store,
            broadcast=engine.broadcast,
            model=model,
            compactor=Compactor(
                store=engine.store, sessions=engine.store, model=model, clock=self._clock, settings=config.compaction
            ),
            tools=executor,
            permissions=permissions,
            clock=self._clock,
            system=lambda: _system(config, redactor),
            max_tokens=model.max_tokens,
            timeout_seconds=config.timeout_seconds,
            prices=config.prices,
        )
        chat = Chat(
            parts=parts,
            sessions=sessions,
            journal=engine.store,
            turns=engine.turns,
            owner=self._instance_id,
            redact=redactor.redact,
            check_model=model.check,
            limits=TurnLimits(max_steps=config.budget.max_steps),
            budgets=config.budget.by_scope,
        )
        return Workspace(
            run=run,
            sessions=sessions,
            archive=archive,
            chat=chat,
            tools=executor,
            approvals=self._approvals,
            permissions=permissions,
            undo=built_in.undo if built_in else None,
            describe=lambda: WorkspaceDescription(
                project_path=project_path,
                model=model.name,
                provider=model.provider,
                endpoint=model.endpoint,
                permission_mode=permissions.mode,
                is_ephemeral=not config.sessions.enabled,
                warnings=config.warnings,
            ),
            prepare_model=lambda: _prepare(model),
            check_model=model.check,
        )


async def _prepare(model: ChosenModel) -> None:
    """Imports what the first turn needs, in a thread, while the person still reads."""
    await asyncio.to_thread(prepare_validation)
    await model.prepare()


def _system(config: Config, redactor: Redactor) -> Sequence[str]:
    """The system prompt with the project's instructions as they are now."""
    if not config.instructions.enabled:
        return system_blocks("", source="")
    for path in (config.instructions.file, config.directory / _OTHER_INSTRUCTIONS):
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            return system_blocks(redactor.redact(text), source=path.name)
    return system_blocks("", source="")
