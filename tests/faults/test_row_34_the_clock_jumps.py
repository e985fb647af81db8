"""The clock of the machine cannot be set for one process; what would break when it jumps is looked for instead."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parent.parent.parent / "atmos_ai_sidecar"
CLOCKS = {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow"), ("date", "today")}
ALLOWED = {"adapters/clock.py", "adapters/local_tools/warden.py"}
"""The warden has no port: it writes down when a program began and ended, and waits by nothing of it."""


def readings(path: Path) -> list[int]:
    """The lines that read the clock of the day."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else getattr(node.value, "attr", "")
            if (owner, node.attr) in CLOCKS:
                found.append(node.lineno)
    return found


def test_only_the_adapter_of_the_clock_reads_the_time_of_day() -> None:
    found = {
        str(path.relative_to(PACKAGE)): lines
        for path in PACKAGE.rglob("*.py")
        if "v1" not in path.parts and (lines := readings(path))
    }
    assert set(found) <= ALLOWED, found


def test_timers_of_the_clock_do_not_follow_the_time_of_day() -> None:
    source = (PACKAGE / "adapters" / "clock.py").read_text()
    assert "time.monotonic()" in source
    assert "asyncio.sleep" in source
