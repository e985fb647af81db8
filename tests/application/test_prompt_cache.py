"""Consecutive requests of a session share their bytes up to the last cache point, and a lost cache is counted."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from atmos_ai_sidecar.adapters.model import AnthropicModel, ModelSettings
from atmos_ai_sidecar.adapters.sqlite import open_memory_store
from atmos_ai_sidecar.demo.offline_model.replies import Reply, Script, Text, Thinking, ToolUse, Usage
from atmos_ai_sidecar.demo.offline_model.server import OfflineModel, offline_model
from atmos_ai_sidecar.domain.sessions import Session
from tests.application.world import World, finished
from tests.fakes.clock import FakeClock

CALLS = Reply((Thinking("Two at once."), Text("Let me look."), ToolUse("read"), ToolUse("look")))


@asynccontextmanager
async def conversation(*answers: Reply | str) -> AsyncIterator[tuple[World, Session, OfflineModel]]:
    clock = FakeClock(jumps=True, longest_jump=60)
    async with offline_model(Script(*answers)) as server:
        model = AnthropicModel(ModelSettings(base_url=server.url, api_key="sk-test"), clock)
        store = await open_memory_store(clock)
        world = World(store, clock, model=model)
        try:
            async with asyncio.timeout(20):
                yield world, await world.sessions.create(name="s"), server
                await world.chat.close()
        finally:
            await store.close()
            await model.close()


def prompt(body: Mapping[str, Any]) -> tuple[bytes, int]:
    """The prompt as the provider caches it: its bytes in order, and how many there are up to the last cache point."""
    cached, parts = 0, list[bytes]()
    messages = [{"role": m["role"], **block} for m in body["messages"] for block in m["content"]]
    for block in (*body["tools"], *body["system"], *messages):
        plain = {name: value for name, value in block.items() if name != "cache_control"}
        parts.append(json.dumps(plain).encode())
        if "cache_control" in block:
            cached = sum(map(len, parts))
    return b"".join(parts), cached


async def test_consecutive_requests_share_their_bytes_up_to_the_last_cache_point() -> None:
    async with conversation(CALLS, CALLS, "Done.", CALLS, "Done again.") as (world, session, server):
        await world.run(session, "First.")
        await world.run(session, "Second.")
        bodies: Sequence[Mapping[str, Any]] = [request.json for request in server.requests]
    assert len(bodies) == 5
    for earlier, later in itertools.pairwise(bodies):
        sent, cached = prompt(earlier)
        assert cached == len(sent)
        assert prompt(later)[0].startswith(sent)
        assert (later["tools"], later["system"]) == (earlier["tools"], earlier["system"])
        assert [tool["name"] for tool in later["tools"]] == sorted(tool["name"] for tool in later["tools"])


async def test_reads_and_writes_are_told_and_a_cache_that_works_has_no_misses() -> None:
    async with conversation(CALLS, "Done.", "Again.") as (world, session, _):
        first = finished(await world.run(session)).usage
        second = finished(await world.run(session)).usage
    assert first.cache_creation_input_tokens > 0
    assert second.cache_read_input_tokens > 0
    assert (first.cache_misses, second.cache_misses) == (0, 0)


COLD = Reply((Text("Done."),), usage=Usage(input_tokens=900, output_tokens=1))
WARM = Reply((Text("Done."),), usage=Usage(input_tokens=9, output_tokens=1, cache_creation_input_tokens=900))


@pytest.mark.parametrize(
    ("pause_seconds", "model", "misses"), [(1, "", 1), (299, "", 1), (301, "", 0), (1, "another", 0)]
)
async def test_miss_is_counted_only_where_a_hit_was_due(pause_seconds: float, model: str, misses: int) -> None:
    async with conversation(WARM, COLD, COLD) as (world, session, _):
        await world.run(session)
        world.clock.advance(pause_seconds)
        assert finished(await world.run(session, model=model)).usage.cache_misses == misses
        assert finished(await world.run(session)).usage.cache_misses == 0
