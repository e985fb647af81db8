import asyncio

from atmos_ai_sidecar.application.doctor import Finding, Health, examine
from atmos_ai_sidecar.errors import AtmosNotFoundError
from tests.fakes.clock import FakeClock


async def fine() -> Finding:
    return Finding(health=Health.OK, detail="there")


async def missing() -> Finding:
    raise AtmosNotFoundError("There is no atmos.", remedy="Install it.")


async def hanging() -> Finding:
    await asyncio.Event().wait()
    raise AssertionError


async def test_findings_come_in_the_order_of_the_checks_and_errors_are_findings() -> None:
    found = await examine({"b": missing, "a": fine}, FakeClock())
    assert [(item.check, item.finding.health) for item in found] == [("b", Health.FAILED), ("a", Health.OK)]
    assert found[0].finding.remedy == "Install it."


async def test_check_that_hangs_has_failed_and_holds_nobody_up() -> None:
    async with asyncio.timeout(5):
        found = await examine({"a": hanging, "b": fine}, FakeClock(jumps=True))
    assert found[0].finding.health is Health.FAILED
    assert "15 s" in found[0].finding.detail
