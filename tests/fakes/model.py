import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from atmos_ai_sidecar.application.ports.model import Answered, ModelEvent, ModelRequest
from atmos_ai_sidecar.domain.messages import Text, ToolCall, Usage


@dataclass(frozen=True)
class Hang:
    """Waits until the test lets go or the request ends."""

    reached: asyncio.Event
    go_on: asyncio.Event


Step = ModelEvent | Hang | Exception


def says(text: str) -> Answered:
    return Answered(blocks=(Text(text=text),), stop_reason="end_turn", usage=Usage(output_tokens=1), invalid_inputs={})


def calls(*tool_calls: ToolCall) -> Answered:
    return Answered(blocks=tool_calls, stop_reason="tool_use", usage=Usage(output_tokens=1), invalid_inputs={})


class FakeModel:
    """Plays one list of steps per request, and keeps the requests."""

    def __init__(self, *answers: Sequence[Step]) -> None:
        self.answers = list(answers)
        self.requests: list[ModelRequest] = []

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[AsyncIterator[ModelEvent]]:
        self.requests.append(request)
        yield self._play(self.answers.pop(0))

    async def _play(self, steps: Sequence[Step]) -> AsyncIterator[ModelEvent]:
        for step in steps:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, Hang):
                step.reached.set()
                await step.go_on.wait()
            else:
                yield step

    def describe(self) -> Mapping[str, Any]:
        return {"provider": "fake"}
