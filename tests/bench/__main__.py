"""`make bench`: every row as measured, budget, ratio; JSON in bench-results.json; fails when a row is far over.

`make bench ROWS="1 3"` measures some rows only, and leaves the file alone.
"""

import json
import os
import platform
import sys
from collections.abc import Callable, Sequence

from tests.bench.calls import call_rows
from tests.bench.decisions import decision_rows
from tests.bench.long_lists import long_list_rows
from tests.bench.markdown import markdown_rows
from tests.bench.memory import memory_rows
from tests.bench.place import ROOT, Place, place, real_atmos, timed
from tests.bench.starts import chat_rows, exec_rows, handshake_rows, program_rows
from tests.bench.streams import cancel_rows, delta_rows, event_rows
from tests.bench.table import Row, table

RESULTS = ROOT / "bench-results.json"
AREAS: Sequence[tuple[frozenset[str], Callable[[Place], Sequence[Row]]]] = (
    (frozenset({"1"}), handshake_rows),
    (frozenset({"2"}), chat_rows),
    (frozenset({"3"}), exec_rows),
    (frozenset({"4", "5", "12"}), call_rows),
    (frozenset({"6"}), lambda here: long_list_rows(here.project, here.environment, timed)),
    (frozenset({"7"}), delta_rows),
    (frozenset({"8"}), event_rows),
    (frozenset({"9"}), lambda _: decision_rows()),
    (frozenset({"10"}), cancel_rows),
    (frozenset({"11"}), memory_rows),
    (frozenset({"13", "16"}), program_rows),
    (frozenset({"15"}), lambda _: markdown_rows()),
)
"""What measures which rows."""


def measure(wanted: frozenset[str]) -> Sequence[Row]:
    """The rows with these numbers, in order; all of them when none are named."""
    rows: list[Row] = []
    for numbers, area in AREAS:
        if not wanted or wanted & numbers:
            sys.stderr.write(f"measuring {', '.join(sorted(numbers, key=int))} …\n")
            with place() as here:
                rows += [each for each in area(here) if not wanted or each.number in wanted]
    return sorted(rows, key=lambda each: int(each.number))


def main(wanted: Sequence[str]) -> int:
    load_before = os.getloadavg()
    rows = measure(frozenset(wanted))
    sys.stdout.write(table(rows) + "\n")
    machine = {
        "platform": platform.platform(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_before": load_before,
        "load_after": os.getloadavg(),
        "atmos": real_atmos(),
    }
    sys.stdout.write(f"load average {load_before[0]:.1f} before, {os.getloadavg()[0]:.1f} after\n")
    if not wanted:
        RESULTS.write_text(json.dumps({"machine": machine, "rows": [each.json() for each in rows]}, indent=2) + "\n")
    return int(any(each.is_over for each in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
