"""A chat with a real store and a scripted model."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from atmos_ai_sidecar.adapters.sqlite import SqliteStore
from atmos_ai_sidecar.application.approvals import Approvals
from atmos_ai_sidecar.application.approver import WorkspaceApprover
from atmos_ai_sidecar.application.broadcast import Broadcast
from atmos_ai_sidecar.application.chat import Chat
from atmos_ai_sidecar.application.compaction import Compactor
from atmos_ai_sidecar.application.left_calls import LeftCalls
from atmos_ai_sidecar.application.permissions import Permissions
from atmos_ai_sidecar.application.ports.model import Model
from atmos_ai_sidecar.application.sessions import Sessions
from atmos_ai_sidecar.application.tools import ToolExecutor
from atmos_ai_sidecar.application.turns import TurnParts, Turns
from atmos_ai_sidecar.domain.budgets import Limits, Scope
from atmos_ai_sidecar.domain.compaction import CompactionSettings
from atmos_ai_sidecar.domain.events import TurnEvent, TurnFinished
from atmos_ai_sidecar.domain.messages import ToolCall
from atmos_ai_sidecar.domain.permissions import PermissionSettings
from atmos_ai_sidecar.domain.prices import PriceTable
from atmos_ai_sidecar.domain.redaction import Redactor
from atmos_ai_sidecar.domain.sessions import Session
from atmos_ai_sidecar.domain.tools import Effect, Execution, OutputPiece, Result, Tool, ToolRegistry
from atmos_ai_sidecar.domain.turn import TurnLimits
from tests.fakes.clock import FakeClock
from tests.fakes.grants import FakeGrantStore, fake_grants
from tests.fakes.left_programs import FakeLeftPrograms
from tests.fakes.model import FakeModel

READ = ToolCall(id="r", name="read", input={})
WRITE = ToolCall(id="w", name="write", input={})


class World:
    """A chat with a real store and a scripted model; ``slow_tool`` never ends and has a limit of 10 ms."""

    def __init__(
        self,
        store: SqliteStore,
        clock: FakeClock,
        *,
        model: Model | None = None,
        owner: str = "me",
        settings: PermissionSettings | None = None,
        slow_tool: str = "",
        budgets: Mapping[Scope, Limits] | None = None,
        prices: PriceTable | None = None,
        compaction: CompactionSettings | None = None,
        max_tokens: int = 100,
    ) -> None:
        self.owner = owner
        self._slow_tool = slow_tool
        self.store = store
        self.clock = clock
        self.model = FakeModel()
        self.grants = FakeGrantStore()
        self.broadcast = Broadcast(store)
        self.turns = Turns()
        self.approvals = Approvals(clock=FakeClock(), owner=owner)  # its time stands still: nothing expires
        self.approvals.add_store(store)
        self.approvals.add_listener(self.turns.hear)
        self.ran: list[str] = []
        self.tool_reached, self.tool_goes_on = asyncio.Event(), asyncio.Event()
        self.tool_goes_on.set()
        self.problem: Exception | None = None
        effects = {"read": Effect.READ, "look": Effect.READ, "write": Effect.WRITE}
        registry = ToolRegistry(self._tool(name, effect) for name, effect in effects.items())
        grants = fake_grants(self.grants)
        self.permissions = Permissions(settings or PermissionSettings(), grants, registry)
        approver = WorkspaceApprover(
            approvals=self.approvals,
            store=store,
            clock=clock,
            remember=grants.remember,
            directory="/project",
            policy=PermissionSettings,
            surroundings=lambda tool, values: "",
        )
        redactor = Redactor()
        self.sessions = Sessions(
            store,
            project_path="/project",
            model="m",
            provider="p",
            redact=redactor.redact,
            is_busy=self.turns.is_running,
        )
        executor = ToolExecutor(registry=registry, approver=approver, redactor=redactor, clock=clock)
        self.left_programs = FakeLeftPrograms()
        self.left_calls = LeftCalls(self.left_programs, clock=clock, redact=redactor.redact)
        self.parts = TurnParts(
            store=store,
            broadcast=self.broadcast,
            model=model or self.model,
            compactor=Compactor(
                store=store,
                sessions=store,
                model=model or self.model,
                clock=clock,
                settings=compaction or CompactionSettings(),
            ),
            tools=executor,
            permissions=self.permissions,
            left_calls=self.left_calls,
            clock=clock,
            system=lambda: ("system",),
            max_tokens=max_tokens,
            timeout_seconds=None,
            prices=prices or PriceTable(),
        )
        self.chat = Chat(
            parts=self.parts,
            sessions=self.sessions,
            journal=store,
            turns=self.turns,
            owner=owner,
            redact=redactor.redact,
            check_model=self._check_model,
            limits=TurnLimits(max_steps=4),
            budgets=budgets,
        )

    async def _check_model(self) -> None:
        if self.problem:
            raise self.problem

    def _tool(self, name: str, effect: Effect) -> Tool:
        async def execute(values: Mapping[str, Any], execution: Execution) -> Result:
            self.ran.append(execution.tool_call_id)
            execution.emit(OutputPiece(stream="stdout", text=f"{name} runs\n"))
            self.tool_reached.set()
            if name == self._slow_tool:
                await asyncio.Event().wait()
            await self.tool_goes_on.wait()
            return Result(success=True, output=f"{name} ran")

        return Tool(
            name=name,
            description=f"It can {name}.",
            parameters=(),
            effect=effect,
            execute=execute,
            requires_permission=effect is not Effect.READ,
            timeout_seconds=0.01 if name == self._slow_tool else 30,
        )

    async def run(self, session: Session, text: str = "Hello?", **options: Any) -> list[TurnEvent]:
        """One turn to its end, and its events."""
        async with self.chat.events(session.id) as events:
            await self.chat.start_turn(session.id, text, **options)
            return await to_the_end(events)


async def to_the_end(events: AsyncIterator[Any]) -> list[TurnEvent]:
    seen: list[TurnEvent] = []
    async for event in events:
        seen.append(event.event)
        if isinstance(event.event, TurnFinished):
            return seen
    raise AssertionError


def finished(events: Sequence[TurnEvent]) -> TurnFinished:
    assert isinstance(events[-1], TurnFinished)
    return events[-1]
