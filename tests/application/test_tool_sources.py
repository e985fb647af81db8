import asyncio
from collections.abc import Sequence

from atmos_ai_sidecar.application.progress import Progress
from atmos_ai_sidecar.application.tool_sources import ToolSources
from atmos_ai_sidecar.domain.tools import Tool, ToolRegistry
from tests.application.test_tools import tool
from tests.fakes.tool_source import FakeToolSource


def names(registry: ToolRegistry) -> list[str]:
    return [each.name for each in registry.list()]


async def test_tools_of_a_source_come_with_the_first_loading_and_not_before() -> None:
    registry = ToolRegistry([tool(name="a")])
    sources = ToolSources(registry, [FakeToolSource(tool(name="c")), FakeToolSource(tool(name="b"))])
    assert names(registry) == ["a"]
    await sources.load()
    assert names(registry) == ["a", "b", "c"]
    assert sources.problems == ()


async def test_the_registry_follows_what_a_source_has_now() -> None:
    first, changed = tool(name="a"), tool(name="a", description="Other.")
    registry, source = ToolRegistry(), FakeToolSource(first, tool(name="b"))
    sources = ToolSources(registry, [source])
    await sources.load()
    source.now = (changed, tool(name="c"))
    await sources.load()
    assert names(registry) == ["a", "c"]
    assert registry.get("a") is changed


async def test_of_two_tools_with_one_name_the_first_stays_and_both_sources_are_named() -> None:
    registry = ToolRegistry([tool(name="a", source="built in")])
    source = FakeToolSource(tool(name="a", source="plug-in x"), tool(name="b", source="plug-in x"))
    sources = ToolSources(registry, [source])
    for _ in range(2):
        await sources.load()
        assert registry.get("a").source == "built in"
        assert names(registry) == ["a", "b"]
        (problem,) = sources.problems
        assert "by built in and again by plug-in x" in problem
    source.now = ()
    await sources.load()
    assert names(registry) == ["a"]


async def test_what_a_source_had_to_leave_out_is_told_beside_its_tools() -> None:
    sources = ToolSources(ToolRegistry(), [FakeToolSource(tool(name="a"), problems=["weather: no answer in 10 s"])])
    await sources.load()
    assert sources.problems == ("weather: no answer in 10 s",)


async def test_many_loadings_at_once_register_each_tool_once() -> None:
    registry = ToolRegistry()
    sources = ToolSources(registry, [FakeToolSource(tool(name="a"))])
    await asyncio.gather(*(sources.load() for _ in range(50)))
    assert names(registry) == ["a"]
    assert sources.problems == ()


async def test_sources_that_have_answered_are_counted() -> None:
    class Slow(FakeToolSource):
        async def tools(self) -> Sequence[Tool]:
            shares.append(progress.share)
            await asyncio.sleep(0)
            shares.append(progress.share)
            return self.now

    progress, shares = Progress(), list[str]()
    sources = ToolSources(ToolRegistry(), [FakeToolSource(), Slow()])
    await sources.load(progress)
    assert shares == ["1 of 2 sources", "1 of 2 sources"]
    assert progress == Progress()


async def test_closing_closes_every_source() -> None:
    both = FakeToolSource(), FakeToolSource()
    await ToolSources(ToolRegistry(), both).close()
    assert [source.is_closed for source in both] == [True, True]
