import json

from atmos_ai_sidecar.application.doctor import CheckedFinding, Finding, Health
from tests.terminal.office import Office, piped

FINE = CheckedFinding(check="atmos", finding=Finding(health=Health.OK, detail="1.226.1"))
BROKEN = CheckedFinding(check="model", finding=Finding(health=Health.FAILED, detail="no key", remedy="Set it."))
ODD = CheckedFinding(check="trust", finding=Finding(health=Health.WARNING, detail="\x1b[2Junknown"))


async def test_each_check_is_a_line_with_its_remedy_below() -> None:
    console, office = piped(), Office()
    office.findings = (FINE, BROKEN)
    assert await office.run(console, "doctor") == 1
    assert console.out.splitlines() == ["✓ atmos  1.226.1", "✗ model  no key", "         Set it."]


async def test_warnings_do_not_make_the_command_fail_and_cannot_draw() -> None:
    console, office = piped(), Office()
    office.findings = (FINE, ODD)
    assert await office.run(console, "doctor") == 0
    assert "\x1b" not in console.out


async def test_findings_as_json_are_one_list() -> None:
    console, office = piped(), Office()
    office.findings = (BROKEN,)
    assert await office.run(console, "doctor", "--format", "json") == 1
    assert json.loads(console.out) == [{"check": "model", "health": "failed", "detail": "no key", "remedy": "Set it."}]
