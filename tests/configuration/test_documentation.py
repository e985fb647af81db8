"""docs/configuration.md says what the code reads."""

import re
from pathlib import Path

from atmos_ai_sidecar.configuration import Config
from atmos_ai_sidecar.domain.prices import PRICES_DATE
from tests.configuration.conftest import ProjectFolder
from tests.configuration.test_load import FULL

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (`[^|]*) \|", PAGE, re.MULTILINE)


def documented() -> set[str]:
    """Every key of the table, with names of people's own as NAME, TOOL or MODEL."""
    keys: set[str] = set()
    for row in ROWS:
        first, *more = re.findall(r"`([^`]+)`", row.partition(" (")[0])
        keys |= {first, *(first.rpartition(".")[0] + other for other in more)}
    return keys


def generic(key: str) -> str:
    """A key of a file as the table has it."""
    for section, name in (("ai.providers", "NAME"), ("ai.tools.timeouts", "TOOL"), ("ai.prices", "MODEL")):
        key = re.sub(rf"^{re.escape(section)}\.[^.]+", f"{section}.{name}", key)
    return key


def values_of(config: Config) -> set[str]:
    """Keys that hold a value and no section."""
    keys = {generic(key) for key in config.origins if not key.startswith("mcp.servers")}
    return {key for key in keys if not any(other.startswith(f"{key}.") for other in keys)}


def test_example_of_the_page_is_read_without_a_warning(project: ProjectFolder) -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    project.write(example[1])
    config = project.load()
    assert config.warnings == ()
    assert values_of(config) <= documented()


def test_every_key_that_is_read_is_on_the_page(project: ProjectFolder) -> None:
    project.write(FULL)
    assert values_of(project.load()) - {"ai.max_tool_iterations"} <= documented()


def test_page_names_the_date_of_the_prices() -> None:
    assert PRICES_DATE in PAGE
