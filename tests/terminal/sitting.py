"""A person who sits at a chat, and what the scripts of their turns do."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.fakes.chat import ScriptedTurn
from tests.fakes.clock import FakeClock
from tests.fakes.console import FakeConsole
from tests.terminal.office import DESCRIBE, PLAN, Office, answer_plainly

ENTER, ESCAPE, CTRL_C, CTRL_D, UP = "\r", "\x1b", "\x03", "\x04", "\x1b[A"


class FrameClock(FakeClock):
    """Frames come at once; everything longer waits for the test."""

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0.05:
            await asyncio.sleep(0)
        else:
            await super().sleep(seconds)


class Sitting:
    """A person at a chat."""

    def __init__(self, console: FakeConsole, office: Office, task: "asyncio.Task[int]") -> None:
        self.console = console
        self.office = office
        self.task = task

    @property
    def clock(self) -> FrameClock:
        assert isinstance(self.office.clock, FrameClock)
        return self.office.clock

    async def submit(self, text: str) -> None:
        self.console.type(text)
        self.console.type(ENTER)

    async def see(self, *texts: str) -> None:
        await self.console.wait_for(*texts)

    async def answer(self, key: str) -> None:
        """Reads the question first, then presses a key."""
        await self.see("may this run?")
        self.clock.advance(0.4)
        self.console.type(key)

    async def office_is_idle(self) -> None:
        """Lets everything run that can run now, frames that wait for a moment included."""
        for _ in range(20):
            await asyncio.sleep(0.002)

    async def leave(self) -> int:
        self.console.type(CTRL_D)
        async with asyncio.timeout(5):
            return await self.task


def office_with(script: Callable[[ScriptedTurn], Any]) -> Office:
    office = Office(script)
    office.clock = FrameClock()
    return office


@asynccontextmanager
async def sitting(
    script: Callable[[ScriptedTurn], Any] = answer_plainly,
    *arguments: str,
    office: Office | None = None,
    **console_options: Any,
) -> AsyncIterator[Sitting]:
    office = office or office_with(script)
    console = FakeConsole(**console_options)
    task = asyncio.create_task(office.run(console, "chat", *arguments))
    person = Sitting(console, office, task)
    try:
        await console.wait_until(lambda: "ready" in console.text or task.done(), "for the chat")
        yield person
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def describe(turn: ScriptedTurn) -> None:
    await turn.say("Let me look.")
    await turn.call(DESCRIBE, component="vpc", stack="ue1-prod")
    await turn.say("It is **10.20.0.0/16**.\n\n- one\n- two\n")


async def plan(turn: ScriptedTurn) -> None:
    result = await turn.call(PLAN, component="database", stack="ue1-prod")
    await turn.say(result.output)


async def talk_for_ever(turn: ScriptedTurn) -> None:
    await turn.say("First paragraph.\n\nSecond")
    await asyncio.Event().wait()
