"""Runs the table of faults and prints it: row, result, time."""

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.faults.rows import ROWS

ROOT = Path(__file__).parent.parent.parent


def main(arguments: Sequence[str]) -> int:
    """Runs the quick tests of every row, or with ``--long`` those with the faults' real times.

    Returns:
        1 when a test of any row failed.
    """
    is_long = "--long" in arguments
    failed = needs_long = passed = 0
    reasons: list[str] = []
    for number, row in ROWS.items():
        tests = row.long if is_long else row.tests
        if not tests:
            continue
        begin = time.monotonic()
        is_good, skipped = _run([test for test in tests if not test.startswith("go:")], is_long=is_long)
        is_good = is_good and _run_go(tests)
        missing = [*([row.not_possible] if row.not_possible and not is_long else []), *skipped]
        result = f"{'passed' if is_good else 'FAILED'}{' (in part)' if missing else ''}"
        if missing:
            reasons.append(f"row {number}: {'; '.join(missing)}")
        _say(f"{number:>3}  {result:<17} {time.monotonic() - begin:6.1f} s  {row.fault}")
        failed += not is_good
        passed += is_good and not missing
        needs_long += bool(row.long)
    rows = sum(bool(row.long) for row in ROWS.values()) if is_long else len(ROWS)
    asked = f", {needs_long} need faults-long for their real times" if not is_long else ""
    told = f", {failed} FAILED" if failed else ""
    _say(f"\n{passed} of {rows} passed{told}{asked}, {len(reasons)} not possible here: {'; '.join(reasons) or 'none'}")
    return 1 if failed else 0


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines if line))
    sys.stdout.flush()


def _run(tests: Sequence[str], *, is_long: bool) -> tuple[bool, Sequence[str]]:
    """Whether the tests passed, and why some of them were not run on this machine."""
    if not tests:
        return True, ()
    chosen = ["-m", "long", "-s"] if is_long else []
    command = (sys.executable, "-m", "pytest", "-q", "-rs", "--no-header", *chosen, *tests)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        _say(done.stdout[-4000:], done.stderr[-2000:])
    elif is_long:
        _say(*(f"     {line}" for line in done.stdout.splitlines() if line.startswith("row ")))
    skipped = re.findall(r"^SKIPPED \[\d+\] [^:]+(?::\d+)?: (.+)$", done.stdout, re.MULTILINE)
    return done.returncode == 0, sorted(set(skipped))


def _run_go(tests: Sequence[str]) -> bool:
    packages: dict[str, list[str]] = {}
    for test in tests:
        if test.startswith("go:"):
            _, package, name = test.split(":")
            packages.setdefault(package, []).append(name)
    go = Path(sys.prefix, "bin", "go-for-shim")
    for package, names in packages.items():
        command = (go, "test", "-count=1", "-run", f"^({'|'.join(names)})", f"./{package}")
        done = subprocess.run(command, cwd=ROOT / "go-shim", capture_output=True, text=True, check=False)
        if done.returncode or "no tests to run" in done.stdout:
            _say(done.stdout[-4000:], done.stderr[-2000:])
            return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
