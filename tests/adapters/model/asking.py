"""One question to a model, and what came of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from atmos_ai_sidecar.adapters.model import AnthropicModel, ModelSettings
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.model import ModelEvent, ModelRequest, TextPiece
from atmos_ai_sidecar.domain.messages import Message, Role, Text
from atmos_ai_sidecar.errors import SidecarError
from tests.fakes.clock import FakeClock
from tests.fakes.messages_api import MessagesApi

REQUEST = ModelRequest(
    model="claude-sonnet-5-5",
    max_tokens=1024,
    system=["Be brief."],
    messages=[Message(role=Role.USER, blocks=[Text(text="hello")])],
    tools=[],
)


def settings_for(url: str, **changes: object) -> ModelSettings:
    settings = ModelSettings(base_url=url, api_key="sk-test", key_source="ANTHROPIC_API_KEY")
    return replace(settings, **changes)  # type: ignore[arg-type]


async def ask(
    server: MessagesApi | str,
    request: ModelRequest = REQUEST,
    *,
    clock: Clock | None = None,
    **changes: object,
) -> list[ModelEvent]:
    """Every event of one answer; an error is raised with what came before it in ``events``."""
    url = server if isinstance(server, str) else server.url
    model = AnthropicModel(settings_for(url, **changes), clock or FakeClock(jumps=True, longest_jump=60))
    events: list[ModelEvent] = []
    try:
        async with asyncio.timeout(20), model.stream(request) as stream:
            async for item in stream:
                events.append(item)  # noqa: PERF401 - what came before an error counts
    except SidecarError as error:
        error.add_note(f"after {events!r}")
        error.events = events  # type: ignore[attr-defined]
        raise
    finally:
        await model.close()
    return events


def pieces(events: Sequence[ModelEvent]) -> str:
    return "".join(item.text for item in events if isinstance(item, TextPiece))
