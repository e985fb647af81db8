"""The table is whole, and everything that it names exists."""

import re
from pathlib import Path

from tests.faults.rows import ROWS

ROOT = Path(__file__).parent.parent.parent


def test_every_row_is_tested() -> None:
    assert list(ROWS) == list(range(1, 46))
    assert all(row.tests for row in ROWS.values())


def test_everything_that_a_row_names_exists() -> None:
    missing = [test for row in ROWS.values() for test in (*row.tests, *row.long) if not exists(test)]
    assert missing == []


def test_tests_of_this_folder_belong_to_a_row() -> None:
    named = {test.partition("::")[0] for row in ROWS.values() for test in (*row.tests, *row.long)}
    assert {str(path.relative_to(ROOT)) for path in Path(__file__).parent.glob("test_row_*.py")} <= named


def exists(test: str) -> bool:
    if test.startswith("go:"):
        _, package, name = test.split(":")
        sources = (ROOT / "go-shim" / package).glob("*_test.go")
        return any(re.search(rf"^func {name}\w*\(", source.read_text(), re.MULTILINE) for source in sources)
    file, _, name = test.partition("::")
    path = ROOT / file
    return path.is_file() and (not name or re.search(rf"def {name}\(", path.read_text()) is not None)
