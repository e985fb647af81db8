"""Opens workspaces: configuration, trust and store of one run, and what is assembled on them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from atmos_ai_sidecar.adapters.atmos.command_line import has_atmos
from atmos_ai_sidecar.adapters.user_state import TrustFile, state_directory
from atmos_ai_sidecar.application.approvals import Approvals
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.progress import Progress
from atmos_ai_sidecar.application.trust import Trust, is_run_trusted
from atmos_ai_sidecar.application.workspace import ConfirmTrust, Run, RunOptions, Workspace
from atmos_ai_sidecar.composition.assembly import Assembly
from atmos_ai_sidecar.composition.chosen_model import ChosenModel
from atmos_ai_sidecar.composition.configurations import configuration_of
from atmos_ai_sidecar.composition.engine import Engines
from atmos_ai_sidecar.composition.evaluation import evaluated
from atmos_ai_sidecar.composition.forgetting import opened_or_forgetful
from atmos_ai_sidecar.composition.left_calls import left_calls
from atmos_ai_sidecar.composition.project_log import ProjectLog, ignore_in_git
from atmos_ai_sidecar.composition.run_options import check_servers
from atmos_ai_sidecar.configuration import Config, Storage
from atmos_ai_sidecar.domain.trust import TrustSubject
from atmos_ai_sidecar.errors import ProjectUntrustedError


class Workspaces:
    """Opens workspaces that share the stores and the questions of this process."""

    def __init__(self, *, clock: Clock, approvals: Approvals, instance_id: str) -> None:
        self._clock = clock
        self._approvals = approvals
        self._instance_id = instance_id
        self._log = ProjectLog()
        self._engines = Engines(clock=clock, approvals=approvals, owner=instance_id)

    @property
    def is_busy(self) -> bool:
        """Whether a turn runs in a store of this process."""
        return self._engines.is_busy

    @property
    def log_path(self) -> str:
        """The log of the project that was opened last; empty when there is none."""
        return self._log.path

    async def close(self) -> None:
        """Closes the stores; every workspace must have been closed before."""
        await self._engines.close()
        self._log.close()

    @asynccontextmanager
    async def open(
        self,
        run: Run,
        options: RunOptions,
        *,
        confirm_trust: ConfirmTrust | None = None,
        needs_trust: bool = True,
        opening: Progress | None = None,
    ) -> AsyncIterator[Workspace]:
        """Opens a workspace for one run; leaving the context ends its turns. See ``OpenWorkspace``."""
        config = await asyncio.to_thread(configuration_of, run, options)
        check_servers(options, config)
        # A project that is not trusted must not choose a server that this process connects to.
        needs_trust = needs_trust or config.sessions.storage is Storage.POSTGRES
        for_this_run = is_run_trusted(run.environment, flag=options.trust_project)
        trust = Trust(TrustFile(state_directory(run.environment)), self._clock, for_this_run=for_this_run)
        is_trusted = await _is_trusted(trust, config, confirm_trust, needed=needs_trust)
        if config.unevaluated and not is_trusted:
            raise config.unevaluated[0].error()
        config = await evaluated(config, run, options, self._clock)
        self._log.open(config, run, options)
        async with AsyncExitStack() as stack:
            left = left_calls(run, "", self._clock)
            opened = await opened_or_forgetful(self._engines, config, left, options, opening)
            config, kept = opened.config, opened.engine
            ignore_in_git(config.directory)
            # Commands that run nothing work on what is stored.
            has_drafts = not config.sessions.auto_save and needs_trust and not options.stores_all
            engine = kept
            if engine is None or has_drafts:
                engine = await stack.enter_async_context(self._engines.in_memory())
            model = ChosenModel(
                config, run.environment, provider=options.provider, model=options.model, clock=self._clock
            )
            stack.push_async_callback(model.close)
            assembly = Assembly(
                run=run,
                options=options,
                config=config,
                engine=engine,
                kept=kept if engine is not kept else None,
                model=model,
                clock=self._clock,
                approvals=self._approvals,
                instance_id=self._instance_id,
                has_tools=is_trusted and config.tools.enabled and (needs_trust or has_atmos(run.environment)),
                storage_problem=opened.problem,
            )
            stack.push_async_callback(assembly.close)
            workspace = assembly.workspace()
            stack.push_async_callback(workspace.audit.close)
            stack.push_async_callback(workspace.chat.close)
            yield workspace


async def _is_trusted(trust: Trust, config: Config, confirm: ConfirmTrust | None, *, needed: bool) -> bool:
    """Whether the project is trusted, if need be after asking.

    Raises:
        ProjectUntrustedError: It has to be and is not.
    """
    subject = TrustSubject(directory=str(config.directory), files=config.files, claims=config.claims)
    question = trust.question(subject)
    if question is None:
        return True
    if not needed:
        return False
    if confirm is None or not await confirm(question):
        raise ProjectUntrustedError(subject.directory)
    trust.remember(subject)
    return True
