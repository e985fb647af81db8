import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.sqlite import open_sqlite_store
from atmos_ai_sidecar.application.approvals import (
    EXPIRY,
    PROMPTER_GRACE_SECONDS,
    Approvals,
    Prompter,
    Question,
    Settled,
)
from atmos_ai_sidecar.application.approver import WorkspaceApprover
from atmos_ai_sidecar.application.ports.approval_store import Settlement
from atmos_ai_sidecar.application.ports.approver import Attendance, CallContext
from atmos_ai_sidecar.domain.grants import Grant
from atmos_ai_sidecar.domain.messages import ToolCall
from atmos_ai_sidecar.domain.permissions import Decision, DecisionKind, ListEntry, PermissionSettings, Precedence, Rule
from atmos_ai_sidecar.domain.requests import Answer, PermissionRequest
from atmos_ai_sidecar.domain.tools import Effect, Execution, Parameter, Preview, Result, Tool
from atmos_ai_sidecar.errors import (
    InvalidFieldError,
    InvalidPageTokenError,
    PermissionAlreadyResolvedError,
    PermissionElsewhereError,
    PermissionExpiredError,
    PermissionRequestNotFoundError,
    StorageCorruptError,
)
from tests.contracts.drafts import permission_request
from tests.fakes.approval_store import FakeApprovalStore
from tests.fakes.clock import FakeClock


async def never(values: object, execution: Execution) -> Result:
    raise AssertionError


PLAN = Tool(
    name="atmos_terraform_plan",
    description="Plans a component.",
    parameters=(
        Parameter(name="component", type="string", description="c", required=True),
        Parameter(name="stack", type="string", description="s", required=True),
    ),
    effect=Effect.EXECUTE,
    execute=never,
    requires_permission=True,
    stack_parameter="stack",
    component_parameter="component",
    title="plan {component} in {stack}",
)
CALL = ToolCall(id="call", name=PLAN.name, input={"component": "database", "stack": "ue1-prod"})
DECISION = Decision(kind=DecisionKind.ASK, reason="the tool runs programs", rule=Rule(text="tools ask"))


class World:
    """Approvals with everything around them."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = FakeApprovalStore()
        self.remembered: list[Grant] = []
        self.policy, self.surroundings = PermissionSettings(), ""
        self.approvals = Approvals(clock=self.clock, owner="me")
        self.approvals.add_store(self.store)
        self.approver = WorkspaceApprover(
            approvals=self.approvals,
            store=self.store,
            clock=self.clock,
            remember=self.remembered.append,
            directory="/project",
            policy=lambda: self.policy,
            surroundings=lambda tool, values: self.surroundings,
        )

    def ask(self, attendance: Attendance = Attendance.NOBODY, run_id: str = "run") -> asyncio.Task[PermissionRequest]:
        context = CallContext(session_id="s", turn_id="t", run_id=run_id, attendance=attendance)
        return asyncio.create_task(self.approver.ask(PLAN, CALL, DECISION, context))

    async def answer(self, request: PermissionRequest, answer: Answer, comment: str = "") -> PermissionRequest:
        option = next(option for option in request.options if option.answer is answer)
        return await self.approvals.answer(
            request.id, option.id, shown_digest=request.digest, comment=comment, resolved_by="test"
        )


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(autouse=True)
async def patience() -> AsyncIterator[None]:
    async with asyncio.timeout(5):
        yield


async def question(prompter: Prompter) -> PermissionRequest:
    event = await anext(aiter(prompter))
    assert isinstance(event, Question)
    return event.request


async def test_answer_of_the_prompter_settles_the_request(world: World) -> None:
    with world.approvals.attach("me") as prompter:
        asking = world.ask()
        request = await question(prompter)
        await world.answer(request, Answer.ALLOW_ONCE)
        settled = await asking
        assert (settled.outcome, settled.resolved_by) == (Answer.ALLOW_ONCE, "test")
        assert await anext(aiter(prompter)) == Settled(request=settled)
    assert world.remembered == []


async def test_always_remembers_exactly_the_rule_that_was_shown(world: World) -> None:
    with world.approvals.attach("me") as prompter:
        asking = world.ask()
        request = await question(prompter)
        shown = next(option.rule_preview for option in request.options if option.answer is Answer.ALLOW_ALWAYS)
        await world.answer(request, Answer.ALLOW_ALWAYS)
        await asking
    (grant,) = world.remembered
    assert grant.text == shown
    assert grant.input == {"component": "database", "stack": "ue1-prod"}


async def test_rejection_carries_what_the_person_said(world: World) -> None:
    with world.approvals.attach("me") as prompter:
        asking = world.ask()
        await world.answer(await question(prompter), Answer.REJECT_ONCE, "Not on a Friday.")
        assert (await asking).comment == "Not on a Friday."


async def test_only_the_first_of_a_hundred_racing_answers_wins(world: World) -> None:
    with world.approvals.attach("me") as prompter:
        asking = world.ask()
        request = await question(prompter)
        answers = [Answer.ALLOW_ONCE if number % 2 else Answer.REJECT_ONCE for number in range(100)]
        results = await asyncio.gather(*(world.answer(request, a) for a in answers), return_exceptions=True)
        outcome = (await asking).outcome
    won = [answer for answer, result in zip(answers, results, strict=True) if isinstance(result, PermissionRequest)]
    lost = [result for result in results if not isinstance(result, PermissionRequest)]
    assert set(won) == {outcome}
    assert len(lost) == 50
    assert all(isinstance(result, PermissionAlreadyResolvedError) for result in lost)


async def test_a_hundred_prompters_that_race_hear_of_one_settlement(world: World) -> None:
    async def respond(prompter: Prompter, answer: Answer) -> tuple[bool, PermissionRequest]:
        request = await question(prompter)
        won = True
        try:
            await world.answer(request, answer)
        except PermissionAlreadyResolvedError:
            won = False
        event = await anext(aiter(prompter))
        assert isinstance(event, Settled)
        return won, event.request

    with ExitStack() as stack:
        prompters = [stack.enter_context(world.approvals.attach(f"p{number}")) for number in range(100)]
        answers = [Answer.REJECT_ONCE, *[Answer.ALLOW_ALWAYS, Answer.ALLOW_ONCE, Answer.REJECT_ALWAYS] * 33]
        asking = world.ask()
        heard = await asyncio.gather(*map(respond, prompters, answers))
        settled = await asking
    assert [event for _, event in heard] == [settled] * 100
    assert {answer for answer, (won, _) in zip(answers, heard, strict=True) if won} == {settled.outcome}
    assert len(world.remembered) <= 1


async def test_same_answer_again_is_no_error_and_a_different_one_is(world: World) -> None:
    with world.approvals.attach("me") as prompter:
        asking = world.ask()
        request = await question(prompter)
        await world.answer(request, Answer.ALLOW_ONCE)
        await asking
        assert (await world.answer(request, Answer.ALLOW_ONCE)).outcome is Answer.ALLOW_ONCE
        with pytest.raises(PermissionAlreadyResolvedError):
            await world.answer(request, Answer.REJECT_ONCE)


async def test_answer_to_an_unknown_request_is_not_found(world: World) -> None:
    with pytest.raises(PermissionRequestNotFoundError):
        await world.approvals.answer("unknown", "allow_once", shown_digest="", resolved_by="test")


async def test_answer_must_echo_the_digest_and_name_an_offered_option(world: World) -> None:
    with world.approvals.attach("me") as prompter:
        asking = world.ask()
        request = await question(prompter)
        with pytest.raises(InvalidFieldError, match="digest"):
            await world.approvals.answer(request.id, request.options[0].id, shown_digest="x", resolved_by="test")
        with pytest.raises(InvalidFieldError, match="option_id"):
            await world.approvals.answer(request.id, "perhaps", shown_digest=request.digest, resolved_by="test")
        await world.answer(request, Answer.REJECT_ONCE)
        await asking


async def test_request_is_unattended_at_once_when_nobody_is_there(world: World) -> None:
    assert (await world.ask()).outcome is Answer.UNATTENDED


async def test_expected_prompter_is_waited_for_and_then_the_request_is_unattended(world: World) -> None:
    asking = world.ask(Attendance.EXPECTED)
    await world.clock.wait_for_sleepers(1)
    world.clock.advance(PROMPTER_GRACE_SECONDS)
    assert (await asking).outcome is Answer.UNATTENDED


async def test_expected_prompter_that_comes_is_asked(world: World) -> None:
    asking = world.ask(Attendance.EXPECTED)
    await world.clock.wait_for_sleepers(1)
    with world.approvals.attach("me", run_id="run") as prompter:
        await world.answer(await question(prompter), Answer.ALLOW_ONCE)
        assert (await asking).outcome is Answer.ALLOW_ONCE


async def test_prompter_of_another_run_or_session_is_not_asked(world: World) -> None:
    with (
        world.approvals.attach("other run", run_id="other"),
        world.approvals.attach("other session", session_id="other"),
    ):
        assert (await world.ask()).outcome is Answer.UNATTENDED


async def test_request_is_offered_to_the_next_prompter_when_the_first_vanishes(world: World) -> None:
    with world.approvals.attach("first") as first:
        asking = world.ask()
        await question(first)
    with world.approvals.attach("second") as second:
        await world.answer(await question(second), Answer.ALLOW_ONCE)
        assert (await asking).outcome is Answer.ALLOW_ONCE


async def test_request_expires_when_the_only_prompter_vanishes(world: World) -> None:
    with world.approvals.attach("first") as first:
        asking = world.ask()
        request = await question(first)
    while not asking.done():
        world.clock.advance(PROMPTER_GRACE_SECONDS)
        await asyncio.sleep(0)
    assert (await asking).outcome is Answer.EXPIRED
    with pytest.raises(PermissionExpiredError):
        await world.answer(request, Answer.ALLOW_ONCE)


async def test_interactive_client_may_take_its_time_but_not_for_ever(world: World) -> None:
    asking = world.ask(Attendance.PRESENT)
    await world.clock.wait_for_sleepers(1)
    world.clock.advance(EXPIRY.total_seconds() - 1)
    await asyncio.sleep(0)
    assert not asking.done()
    world.clock.advance(1)
    assert (await asking).outcome is Answer.EXPIRED


async def test_cancelled_call_settles_its_request_as_cancelled(world: World) -> None:
    with world.approvals.attach("me") as prompter:
        asking = world.ask()
        request = await question(prompter)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert (await world.approvals.get(request.id)).outcome is Answer.CANCELLED
        event = await anext(aiter(prompter))
        assert isinstance(event, Settled)
        with pytest.raises(PermissionAlreadyResolvedError):
            await world.answer(request, Answer.ALLOW_ONCE)


async def test_answer_counts_even_when_it_cannot_be_remembered(world: World) -> None:
    def refuse(grant: Grant) -> None:
        raise StorageCorruptError("The file is broken.")

    world.approver = WorkspaceApprover(
        approvals=world.approvals,
        store=world.store,
        clock=world.clock,
        remember=refuse,
        directory="/project",
        policy=PermissionSettings,
        surroundings=lambda tool, values: "",
    )
    with world.approvals.attach("me") as prompter:
        asking = world.ask()
        request = await question(prompter)
        with pytest.raises(StorageCorruptError):
            await world.answer(request, Answer.ALLOW_ALWAYS)
        assert (await asking).outcome is Answer.ALLOW_ALWAYS


async def test_requests_are_listed_from_the_store(world: World) -> None:
    with world.approvals.attach("me") as prompter:
        asking = world.ask()
        request = await question(prompter)
        assert (await world.approvals.list(pending_only=True, limit=10))[0] == [request]
        await world.answer(request, Answer.REJECT_ALWAYS)
        await asking
        assert (await world.approvals.list(pending_only=True, limit=10))[0] == []
    world.approvals.remove_store(world.store)
    assert await world.approvals.list(limit=10) == ([], "")


async def test_question_is_bound_to_tool_input_directory_session_turn_and_policy(world: World) -> None:
    digests = set()
    with world.approvals.attach("me") as prompter:
        for turn_id in ("t1", "t2"):
            context = CallContext(session_id="s", turn_id=turn_id)
            asking = asyncio.create_task(world.approver.ask(PLAN, CALL, DECISION, context))
            event = await anext(aiter(prompter))
            while isinstance(event, Settled):
                event = await anext(aiter(prompter))
            digests.add(event.request.digest)
            await world.answer(event.request, Answer.ALLOW_ONCE)
            await asking
    assert len(digests) == 2


async def settle_behind_the_back(world: World, request: PermissionRequest, outcome: Answer) -> None:
    """What somebody does who writes into the store."""
    settlement = Settlement(outcome=outcome, resolved_by="terminal", resolve_time=world.clock.now())
    await world.store.settle_request(request.id, settlement)


@pytest.mark.parametrize("written", [Answer.ALLOW_ONCE, Answer.ALLOW_ALWAYS])
async def test_a_row_written_into_the_store_answers_nothing(world: World, written: Answer) -> None:
    with world.approvals.attach("me") as prompter:
        asking = world.ask()
        request = await question(prompter)
        await settle_behind_the_back(world, request, written)
        await asyncio.sleep(0)
        assert not asking.done()
        with pytest.raises(PermissionAlreadyResolvedError):
            await world.answer(request, Answer.REJECT_ONCE)
        assert (await asking).outcome is Answer.CANCELLED
    assert world.remembered == []


async def test_nothing_of_a_request_is_taken_from_the_store_but_that_it_was_settled(world: World) -> None:
    with world.approvals.attach("me") as prompter:
        asking = world.ask()
        request = await question(prompter)
        world.store.requests[request.id] = replace(request, digest="forged", canonical_input="{}")
        await world.answer(request, Answer.ALLOW_ONCE)
        settled = await asking
        assert (settled.digest, settled.canonical_input) == (request.digest, request.canonical_input)


async def test_a_request_of_another_sidecar_says_who_can_take_the_answer(world: World) -> None:
    with world.approvals.attach("me") as prompter:
        asking = world.ask()
        request = await question(prompter)
        await world.answer(request, Answer.REJECT_ONCE)
        await asking
    other = FakeApprovalStore()
    world.approvals.add_store(other)
    foreign = replace(request, id="foreign", outcome=None)
    await other.add_request(foreign, owner="another")
    with pytest.raises(PermissionElsewhereError, match="another sidecar"):
        await world.answer(foreign, Answer.ALLOW_ONCE)
    assert (await world.approvals.get("foreign")).outcome is None


async def test_requests_of_all_stores_are_listed_page_by_page(world: World, tmp_path: Path) -> None:
    expected: list[str] = []
    stores = [await open_sqlite_store(tmp_path / name / "s.db", world.clock) for name in ("a", "b", "c")]
    world.approvals.remove_store(world.store)
    try:
        for store, ids in zip(stores, (["1", "2", "3"], [], ["4", "5"]), strict=True):
            world.approvals.add_store(store)
            for request_id in ids:
                await store.add_request(permission_request(request_id), owner="me")
            expected += reversed(ids)
        for limit in (1, 2, 3, 10):
            found: list[str] = []
            cursor = ""
            while True:
                page, cursor = await world.approvals.list(limit=limit, cursor=cursor)
                assert len(page) <= limit
                found += [request.id for request in page]
                if not cursor:
                    break
            assert found == expected
        with pytest.raises(InvalidPageTokenError):
            await world.approvals.list(limit=1, cursor="other")
    finally:
        for store in stores:
            await store.close()


async def test_always_is_not_offered_when_the_grant_would_not_let_the_call_through(world: World) -> None:
    world.policy = PermissionSettings(restricted=(ListEntry(pattern=PLAN.name),), precedence=Precedence.STRICTEST)
    with world.approvals.attach("me") as prompter:
        asking = world.ask()
        request = await question(prompter)
        assert Answer.ALLOW_ALWAYS not in {option.answer for option in request.options}
        assert any("not offered" in line for line in request.lines)
        await world.answer(request, Answer.REJECT_ONCE)
        await asking


async def test_an_answer_holds_only_for_what_it_was_given_for(world: World) -> None:
    context = CallContext(session_id="s", turn_id="t", run_id="run")
    with world.approvals.attach("me") as prompter:
        asking = world.ask()
        await world.answer(await question(prompter), Answer.ALLOW_ONCE)
        settled = await asking
    holds = world.approver.holds
    preview = Preview(text="", binding="other content")
    described = replace(PLAN, description="Applies a component.")
    assert holds(settled, PLAN, CALL, context)
    assert not holds(settled, described, CALL, context)
    assert not holds(settled, PLAN, replace(CALL, input={**CALL.input, "stack": "ue2-prod"}), context)
    assert not holds(settled, PLAN, replace(CALL, id="another"), context)
    assert not holds(settled, PLAN, CALL, replace(context, turn_id="later"))
    assert not holds(settled, PLAN, CALL, replace(context, session_id="other"))
    assert not holds(settled, PLAN, CALL, context, preview)
    world.surroundings = "another executable"
    assert not holds(settled, PLAN, CALL, context)
    world.surroundings = ""
    world.policy = PermissionSettings(read_only=True)
    assert not holds(settled, PLAN, CALL, context)
