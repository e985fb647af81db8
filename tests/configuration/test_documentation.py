"""docs/configuration.md says what the code reads, and docs/troubleshooting.md what it says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from atmos_ai_sidecar.configuration import Config, choose_model
from atmos_ai_sidecar.domain.prices import PRICES_DATE
from tests.configuration.conftest import ProjectFolder
from tests.configuration.test_load import FULL

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "configuration.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    key: str
    other: str
    default: str
    example: str


ROWS = [
    Row(key=key.strip("`"), other=other.strip("` "), default=default.strip("`"), example=example.strip("`"))
    for key, other, default, example in re.findall(
        r"^\| (`(?:ai|mcp)\.[^`]*`) \| (`[^`]*`)? ?\| ([^|]*) \| (`[^|]*`) \|", PAGE, re.MULTILINE
    )
]
DOCUMENTED = {row.key for row in ROWS}
NAMES = {"NAME": "anthropic", "TOOL": "file_read", "MODEL": "my-model"}
NOT_A_VALUE = {
    "none",
    "5 seconds",
    "30 seconds",
    "the provider's",
    "of the environment",
    "the git remote",
    "the tool's",
    "the table",
    "0.1 of `input",
    "1.25 of `input",
}
"""Defaults that are said in words."""


def generic(key: str) -> str:
    """A key of a file as the table has it."""
    for section, name in (("ai.providers", "NAME"), ("ai.tools.timeouts", "TOOL"), ("ai.prices", "MODEL")):
        key = re.sub(rf"^{re.escape(section)}\.[^.]+", f"{section}.{name}", key)
    return key


def values_of(config: Config) -> set[str]:
    """Keys that hold a value and no section."""
    keys = {generic(key) for key in config.origins if not key.startswith("mcp.servers")}
    return {key for key in keys if not any(other.startswith(f"{key}.") for other in keys)}


def nested(key: str, value: str) -> str:
    """A file that writes one value."""
    *sections, last = (NAMES.get(part, part) for part in key.split("."))
    lines = [f"{'  ' * depth}{section}:" for depth, section in enumerate(sections)]
    return "\n".join([*lines, f"{'  ' * len(sections)}{last}: {value}", ""])


def written(row: Row, key: str) -> str:
    """A file with the row's example at that key, and what cannot be left out beside it."""
    text = nested(key, row.example)
    if ".prices." in key:
        text += "".join(f"      {name}: 1\n" for name in ("input", "output") if not key.endswith(name))
    return text


def comparable(config: Config) -> object:
    """What a configuration says, without where it says it."""
    return (
        config.enabled, config.provider, config.timeout_seconds, config.sessions, config.instructions, config.budget,
        config.prices, config.compaction, config.mcp_enabled, config.tools.enabled, config.tools.timeouts,
        config.tools.shell_enabled, config.tools.permissions.mode, config.tools.permissions.yolo,
        config.tools.permissions.precedence, config.audit_retention_days,
        [rule.shown.text for rule in config.tools.permissions.rules.rules],
        [
            [entry.pattern for entry in entries]
            for entries in (
                config.tools.permissions.allowed, config.tools.permissions.restricted, config.tools.permissions.blocked
            )
        ],
        {
            name: (one.model, one.api_key, one.base_url, one.max_tokens, one.region, one.project_id)
            for name, one in config.providers.items()
        },
    )  # fmt: skip


def defaults(config: Config) -> Mapping[str, object]:
    """Every default that the page gives as a value, from the code."""
    choice = choose_model(config, {"ANTHROPIC_API_KEY": "k"})
    permissions = config.permissions()
    return {
        "ai.enabled": config.enabled,
        "ai.provider": choice.provider,
        "ai.providers.NAME.model": choice.model,
        "ai.providers.NAME.api_key": choice.key_source,
        "ai.providers.NAME.max_tokens": choice.max_tokens,
        "ai.sessions.enabled": config.sessions.enabled,
        "ai.sessions.storage": config.sessions.storage,
        "ai.sessions.path": config.sessions.path.relative_to(config.directory),
        "ai.sessions.max_sessions": config.sessions.max_sessions,
        "ai.sessions.auto_save": config.sessions.auto_save,
        "ai.tools.enabled": config.tools.enabled,
        "ai.tools.require_confirmation": permissions.mode.value == "prompt",
        "ai.tools.mode": permissions.mode,
        "ai.tools.yolo_mode": permissions.yolo,
        "ai.tools.shell.enabled": config.tools.shell_enabled,
        "ai.instructions.enabled": config.instructions.enabled,
        "ai.instructions.file": config.instructions.file.relative_to(config.directory),
        "ai.permissions.precedence": permissions.precedence,
        "ai.budget.max_steps": config.budget.max_steps,
        "ai.compaction.threshold": config.compaction.threshold,
        "ai.compaction.preserve_recent": config.compaction.preserve_recent,
        "ai.compaction.window": config.compaction.window_tokens,
        "mcp.enabled": config.mcp_enabled,
    }


def test_every_row_of_the_table_is_understood() -> None:
    assert len(ROWS) == len(re.findall(r"^\| `(?:ai|mcp)\.", PAGE, re.MULTILINE))
    assert len(ROWS) == len(DOCUMENTED)


def test_first_example_shows_documented_keys_only(project: ProjectFolder) -> None:
    project.write(EXAMPLE)
    assert values_of(project.load()) <= DOCUMENTED


def test_every_key_that_is_read_is_on_the_page(project: ProjectFolder) -> None:
    project.write(FULL)
    assert values_of(project.load()) - {"ai.max_tool_iterations"} <= DOCUMENTED


def test_every_default_of_the_page_is_that_of_the_code(project: ProjectFolder) -> None:
    project.write("")
    told = {row.key: row.default for row in ROWS if row.default not in NOT_A_VALUE}
    found = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in
             defaults(project.load()).items()}  # fmt: skip
    assert told == found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_every_example_of_the_table_is_read_in_every_spelling(project: ProjectFolder, row: Row) -> None:
    project.environment |= {"MY_KEY": "k", "ATMOS_AI_SESSIONS_URL": "postgres://x"}
    project.write(written(row, row.key))
    config = project.load()
    assert config.warnings == ()
    assert row.key in values_of(config)
    if row.key.startswith("ai."):
        project.write("settings:\n" + "".join(f"  {line}\n" for line in written(row, row.key).splitlines()))
        assert comparable(project.load()) == comparable(config)
    if row.other:
        project.write(written(row, row.other))
        assert comparable(project.load()) == comparable(config)
    project.write("")
    is_default = row.key == "ai.sessions.path"
    assert (comparable(project.load()) == comparable(config)) is is_default


def test_page_names_the_date_of_the_prices() -> None:
    assert PRICES_DATE in PAGE


def test_messages_that_are_explained_are_those_of_the_code() -> None:
    code = " ".join(path.read_text(encoding="utf-8") for path in (DOCS.parent / "atmos_ai_sidecar").rglob("*.py"))
    for quoted in (
        "is not supported here",
        "which is not installed",
        "does not know the model or the address",
        "limits the rate of requests",
        "is overloaded",
        "took too long",
        "The conversation is too long",
        "by way of the proxy",
        "and not as the Messages API",
        "where the key must not go",
        "its certificate is not trusted",
        "cannot be read",
        "is not evaluated here",
        "is not a setting",
        "means nothing here, perhaps",
        "The AI assistant is switched off",
        "is not trusted yet",
        "or a folder above it",
        "Something went wrong inside the assistant",
    ):
        assert quoted in (DOCS / "troubleshooting.md").read_text(encoding="utf-8"), quoted
        assert quoted in code, quoted
