"""Budgets of turn, run and session, from the warning to the hard stop."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from atmos_ai_sidecar.adapters.sqlite import open_memory_store
from atmos_ai_sidecar.application.ports.model import Answered
from atmos_ai_sidecar.domain.budgets import Limits, Scope
from atmos_ai_sidecar.domain.events import Notice, NoticeKind, StopReason
from atmos_ai_sidecar.domain.messages import Text, ToolCall, Usage
from atmos_ai_sidecar.domain.prices import PriceTable, price
from atmos_ai_sidecar.domain.sessions import Session
from atmos_ai_sidecar.errors import BudgetExhaustedError, InvalidFieldError
from tests.application.world import READ, World, finished
from tests.fakes.clock import FakeClock

PRICES = PriceTable(configured={"m": price(0, 1_000_000 / 1000)})
"""A thousandth of a dollar for a token of output."""


def spends(tokens: int, *calls: ToolCall) -> tuple[Answered]:
    stop_reason = "tool_use" if calls else "end_turn"
    usage = Usage(output_tokens=tokens)
    return (Answered(blocks=(Text(text="So."), *calls), stop_reason=stop_reason, usage=usage, invalid_inputs={}),)


@asynccontextmanager
async def world_with(
    budgets: Mapping[Scope, Limits], prices: PriceTable = PRICES
) -> AsyncIterator[tuple[World, Session]]:
    clock = FakeClock(jumps=True)
    store = await open_memory_store(clock)
    world = World(store, clock, budgets=budgets, prices=prices)
    try:
        async with asyncio.timeout(5):
            yield world, await world.sessions.create(name="s")
            await world.chat.close()
    finally:
        await store.close()


async def test_turn_warns_at_80_percent_and_stops_at_the_limit() -> None:
    async with world_with({Scope.TURN: Limits(max_tokens=100)}) as (world, session):
        world.model.answers = [spends(85, READ), spends(20, READ)]
        events = await world.run(session)
    (notice,) = [event for event in events if isinstance(event, Notice)]
    assert notice.kind is NoticeKind.BUDGET_WARNING
    assert "85 of 100 tokens of the turn" in notice.message
    assert notice.metadata["setting"] == "ai.budget.max_tokens"
    end = finished(events)
    assert (end.stop_reason, end.reason, end.steps) == (StopReason.BUDGET, "BUDGET_EXHAUSTED", 2)
    assert world.ran == ["r"]


@pytest.mark.parametrize("scope", [Scope.RUN, Scope.SESSION])
@pytest.mark.parametrize("limits", [Limits(max_steps=2), Limits(max_tokens=100), Limits(max_cost_usd=0.1)])
async def test_used_up_run_and_session_start_no_turn_and_store_nothing(scope: Scope, limits: Limits) -> None:
    async with world_with({scope: limits}) as (world, session):
        world.model.answers = [spends(60), spends(60)]
        await world.run(session)
        await world.run(session)
        with pytest.raises(BudgetExhaustedError, match=f"of the {scope}"):
            await world.chat.start_turn(session.id, "Once more?")
        assert len(await world.sessions.messages(session.id)) == 4
        other = await world.sessions.create(name="other")
        world.model.answers = [spends(1)]
        if scope is Scope.RUN:
            with pytest.raises(BudgetExhaustedError):
                await world.chat.start_turn(other.id, "Once more?")
        else:
            assert finished(await world.run(other)).stop_reason is StopReason.END_TURN


async def test_cost_is_stored_with_the_message_and_told_with_the_usage() -> None:
    async with world_with({}) as (world, session):
        world.model.answers = [spends(5, READ), spends(7)]
        end = finished(await world.run(session))
        stored = await world.sessions.messages(session.id)
    assert end.usage.cost_usd == pytest.approx(0.012)
    assert [m.usage.cost_usd for m in stored if m.usage] == [pytest.approx(0.005), pytest.approx(0.007)]


async def test_cost_of_a_model_without_a_price_is_unknown_and_not_nothing() -> None:
    async with world_with({}, PriceTable()) as (world, session):
        world.model.answers = [spends(5)]
        assert finished(await world.run(session)).usage.cost_usd is None


async def test_limit_on_a_cost_that_nobody_can_count_is_refused_with_the_remedy() -> None:
    async with world_with({}, PriceTable()) as (world, session):
        with pytest.raises(InvalidFieldError, match=r"price of the model 'm' is not known.*ai\.prices"):
            await world.chat.start_turn(session.id, "Hi", max_cost_usd=1)
        assert await world.sessions.messages(session.id) == ()


async def test_limit_of_the_order_goes_over_the_configured_one() -> None:
    async with world_with({Scope.TURN: Limits(max_cost_usd=9)}) as (world, session):
        world.model.answers = [spends(60, READ)]
        assert finished(await world.run(session, max_cost_usd=0.05)).stop_reason is StopReason.BUDGET


async def test_what_a_session_has_spent_is_told_and_an_unknown_price_stays_unknown() -> None:
    async with world_with({}) as (world, session):
        assert (await world.chat.spent(session.id)).usage.known_cost_usd == 0
        world.model.answers = [spends(60), spends(40)]
        await world.run(session)
        await world.run(session)
        spent = await world.chat.spent(session.id)
        assert (spent.steps, spent.usage.output_tokens) == (2, 100)
        assert spent.usage.cost_usd == pytest.approx(0.1)
    async with world_with({}, PriceTable()) as (world, session):
        world.model.answers = [spends(60)]
        await world.run(session)
        assert (await world.chat.spent(session.id)).usage.known_cost_usd is None
