from pathlib import Path

import pytest

from atmos_ai_sidecar.configuration import Origin, Storage, load_configuration
from atmos_ai_sidecar.domain.budgets import Limits, Scope
from atmos_ai_sidecar.domain.permissions import ListEntry, Mode, Precedence
from atmos_ai_sidecar.domain.prices import Price
from atmos_ai_sidecar.errors import AIDisabledError, ConfigurationInvalidError
from tests.configuration.conftest import ProjectFolder


def patterns(entries: object) -> list[str]:
    assert isinstance(entries, tuple)
    return [entry.pattern for entry in entries]


def test_everything_but_enabled_has_a_default(project: ProjectFolder) -> None:
    project.write("ai: {enabled: true}\n")
    config = project.load()
    assert config.enabled
    assert config.sessions.enabled
    assert config.sessions.storage is Storage.SQLITE
    assert config.sessions.path == project.directory / ".atmos/sessions"
    assert config.sessions.max_sessions == 10
    assert config.sessions.auto_save
    assert config.sessions.retention_days is None
    assert config.tools.enabled
    assert not config.tools.shell_enabled
    assert config.permissions().mode is Mode.PROMPT
    assert not config.permissions().yolo
    assert config.permissions().precedence is Precedence.COMPATIBLE
    assert config.instructions.enabled
    assert config.instructions.file == project.directory / "ATMOS.md"
    assert config.budget.max_steps == 25
    assert config.budget.max_cost_usd is None
    assert config.compaction.threshold == 0.75
    assert config.timeout_seconds is None
    assert config.mcp_enabled
    assert config.warnings == ()


FULL = """\
ai:
  enabled: true
  provider: bedrock
  timeout_seconds: 90
  max_tool_iterations: 7
  providers:
    bedrock: {model: some-model, base_url: eu-west-1, max_tokens: 2048}
  sessions: {enabled: false, storage: json, path: /var/sessions, max_sessions: 3, auto_save: false, retention_days: 30}
  tools:
    enabled: false
    mode: deny
    yolo_mode: true
    timeouts: {atmos_terraform_plan: 30m, Other: 1h1m1.5s, third: 5}
    shell: {enabled: true}
  instructions: {enabled: false, file: docs/AI.md}
  permissions: {precedence: strictest, rules: [{decision: deny, tools: [x]}]}
  budget:
    max_tokens: 1000
    max_cost_usd: 0.5
    run: {max_steps: 50}
    session: {max_tokens: 9000, max_cost_usd: 2}
  prices:
    some-model: {input: 1, output: 4, cache_read: 0}
  compaction: {threshold: 0.5, preserve_recent: 0}
mcp:
  enabled: false
  servers:
    docs: {command: npx, args: [docs-server]}
    web: {url: "https://example.com/mcp"}
"""


def test_every_setting_is_read(project: ProjectFolder) -> None:
    project.write(FULL)
    config = project.load()
    assert config.provider == "bedrock"
    assert config.providers["bedrock"].base_url == "eu-west-1"
    assert config.timeout_seconds == 90
    assert not config.sessions.enabled
    assert config.sessions.storage is Storage.JSON
    assert config.sessions.path == Path("/var/sessions")
    assert config.sessions.retention_days == 30
    assert config.tools.timeouts == {"atmos_terraform_plan": 1800, "Other": 3661.5, "third": 5}
    assert config.tools.shell_enabled
    assert config.permissions().mode is Mode.DENY
    assert config.permissions().yolo
    assert config.permissions().precedence is Precedence.STRICTEST
    assert config.instructions.file == project.directory / "docs/AI.md"
    assert config.budget.max_steps == 7
    assert config.budget.max_tokens == 1000
    assert config.budget.max_cost_usd == 0.5
    assert config.budget.by_scope == {
        Scope.TURN: Limits(max_tokens=1000, max_cost_usd=0.5),
        Scope.RUN: Limits(max_steps=50),
        Scope.SESSION: Limits(max_tokens=9000, max_cost_usd=2),
    }
    assert config.prices.find("some-model") == Price(input=1, output=4, cache_read=0, cache_write=1.25)
    assert config.compaction.preserve_recent == 0
    assert not config.mcp_enabled
    assert [(server.name, *server.command, server.url) for server in config.mcp_servers] == [
        ("docs", "npx", "docs-server", ""),
        ("web", "https://example.com/mcp"),
    ]


def test_values_and_list_entries_know_where_they_are_written(project: ProjectFolder) -> None:
    path = project.write("ai:\n  enabled: true\n  tools:\n    blocked:\n      - one\n      - two\n")
    config = project.load()
    assert config.origins["ai.enabled"] == Origin(file=str(path), line=2)
    assert config.permissions().blocked == (
        ListEntry(pattern="one", file="atmos.yaml", line=5),
        ListEntry(pattern="two", file="atmos.yaml", line=6),
    )


def test_confirmation_switched_off_allows(project: ProjectFolder) -> None:
    project.write("ai: {enabled: true, tools: {require_confirmation: false}}")
    assert project.load().permissions().mode is Mode.ALLOW


def test_flags_of_the_run_and_grants_join_the_permissions(project: ProjectFolder) -> None:
    project.write("ai: {enabled: true}")
    assert project.load().permissions(yolo=True, read_only=True).yolo
    assert project.load().permissions(yolo=True, read_only=True).read_only


OLD_SPELLING = """\
settings:
  ai:
    enabled: true
    default_provider: vertex
    tools: {allowed_tools: [a], restricted_tools: [r], blocked_tools: [b]}
"""


def test_the_original_place_and_spelling_are_read(project: ProjectFolder) -> None:
    project.write(OLD_SPELLING)
    config = project.load()
    assert config.enabled
    assert config.provider == "vertex"
    assert patterns(config.permissions().allowed) == ["a"]
    assert patterns(config.permissions().restricted) == ["r"]
    assert patterns(config.permissions().blocked) == ["b"]


def test_strict_lists_of_both_places_and_spellings_are_united(project: ProjectFolder) -> None:
    project.write(
        OLD_SPELLING + "ai:\n  provider: bedrock\n"
        "  tools: {allowed: [x], blocked: [c], blocked_tools: [d], restricted_tools: [s]}\n"
    )
    config = project.load()
    assert config.provider == "bedrock"
    assert patterns(config.permissions().allowed) == ["x"]
    assert patterns(config.permissions().blocked) == ["b", "c", "d"]
    assert patterns(config.permissions().restricted) == ["r", "s"]


def test_an_empty_strict_list_does_not_empty_the_other_one(project: ProjectFolder) -> None:
    project.write(OLD_SPELLING + "ai:\n  tools:\n    blocked:\n    blocked_tools: []\n")
    assert patterns(project.load().permissions().blocked) == ["b"]


def test_variables_of_the_environment_are_read(project: ProjectFolder) -> None:
    project.write(
        "ai:\n  enabled: !env AI_ON false\n  provider: !env MISSING\n"
        "  sessions: {max_sessions: !env COUNT, url: !env URL 'a b'}\n"
    )
    config = project.load(environment={"AI_ON": "true", "COUNT": "4"})
    assert config.enabled
    assert config.provider == ""
    assert config.sessions.max_sessions == 4
    assert config.sessions.url == "a b"
    assert not project.load(environment={"COUNT": "4"}).enabled


def test_variables_with_keys_are_named_so_that_tools_do_not_get_them(project: ProjectFolder) -> None:
    project.write("ai: {enabled: true, providers: {anthropic: {api_key: !env MY_KEY}}}")
    assert project.load().secret_variables == {"MY_KEY", "AWS_BEARER_TOKEN_BEDROCK"}


def test_ai_must_be_switched_on(project: ProjectFolder) -> None:
    path = project.write("ai:\n")
    with pytest.raises(AIDisabledError, match=r"ai.enabled: true") as caught:
        load_configuration(str(project.directory), {})
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("ai:\n  enabled: yes\n", 2, "ai.enabled: expected true or false, found text"),
        ("ai: [1]\n", 1, "ai: expected a map, found a list"),
        ("ai:\n  tools: on\n", 2, "ai.tools: expected a map, found text"),
        ("ai:\n  provider: 3.5\n", 2, "ai.provider: expected text, found a number"),
        ("ai:\n  provider: [a]\n", 2, "ai.provider: expected text, found a list"),
        ("ai:\n  sessions: {max_sessions: 0}\n", 2, "a whole number of at least 1, found a number"),
        ("ai:\n  sessions: {max_sessions: true}\n", 2, "a whole number of at least 1, found true or false"),
        ("ai:\n  sessions: {storage: mysql}\n", 2, "expected one of sqlite, json, postgres"),
        ("ai:\n  tools:\n    allowed:\n      - ok\n      - 3\n", 5, "ai.tools.allowed: expected a list of names"),
        ("ai:\n  tools:\n    blocked: {a: b}\n", 3, "ai.tools.blocked: expected a list of names"),
        ("ai:\n  tools: {timeouts: {x: soon}}\n", 2, "ai.tools.timeouts.x: expected seconds"),
        ("ai:\n  tools: {timeouts: {x: ''}}\n", 2, "ai.tools.timeouts.x: expected seconds"),
        ("ai:\n  compaction: {threshold: 1.5}\n", 2, "a number above 0 and at most 1"),
        ("ai:\n  timeout_seconds: true\n", 2, "a number above 0"),
        ("ai:\n  budget:\n    max_step: 3\n", 3, "Did you mean `max_steps`?"),
        ("ai:\n  budget: {run: {max_step: 3}}\n", 2, "Did you mean `max_steps`?"),
        ("ai:\n  prices: {m: {input: 3}}\n", 2, "ai.prices.m needs `input` and `output`"),
        ("ai:\n  prices: {m: {input: -3, output: 1}}\n", 2, "a number above 0, or 0"),
        ("ai:\n  permissions: {foo: 3}\n", 2, "Known are audit_retention_days, precedence, rules."),
        ("ai:\n  compaction: {keep: 3}\n", 2, "ai.compaction.keep is not a setting"),
        ("ai:\n  enabled: !exec date\n", 2, "ai.enabled: the function !exec is not evaluated here"),
        ("ai:\n  enabled: !env\n", 2, "`!env` takes a name"),
        ("ai:\n  enabled: !env 'a\n", 2, "unexpected end of stream"),
        ('ai:\n  enabled: !env A "b\n', 2, "open quote"),
    ],
)
def test_a_wrong_value_names_file_line_setting_and_what_was_expected(
    project: ProjectFolder, text: str, line: int, words: str
) -> None:
    path = project.write(text)
    with pytest.raises(ConfigurationInvalidError) as caught:
        project.load()
    assert words in str(caught.value)
    assert caught.value.file == str(path)
    assert line <= caught.value.line <= line + 1


def test_a_secret_of_the_wrong_type_is_not_repeated(project: ProjectFolder) -> None:
    project.write("ai: {enabled: true, providers: {anthropic: {api_key: 48151623}}}")
    with pytest.raises(ConfigurationInvalidError) as caught:
        project.load()
    assert "48151623" not in str(caught.value)


def test_secrets_are_in_no_representation(project: ProjectFolder) -> None:
    project.write("ai: {enabled: true, sessions: {url: sesame-url}, providers: {anthropic: {api_key: sesame-key}}}")
    assert "sesame" not in repr(project.load())


def test_other_sections_and_keys_are_left_to_atmos(project: ProjectFolder) -> None:
    project.write("ai: {enabled: true, skills: {x: !exec y}}\nstacks: {base_path: !exec pwd}\ncommands: 3\n")
    assert project.load().warnings == ()


def test_a_slip_of_the_pen_is_pointed_out(project: ProjectFolder) -> None:
    project.write("ai:\n  enabled: true\n  tools:\n    blocks: [x]\n")
    assert project.load().warnings == ("atmos.yaml:4: ai.tools.blocks means nothing here, perhaps blocked?",)


def test_the_project_tells_what_matters_for_trust(project: ProjectFolder) -> None:
    project.write(
        FULL + "vars: {x: !exec 'rm -rf /'}\n" + "settings: {ai: {tools: {allowed: ['atmos_*'], mode: allow}}}\n"
    )
    assert [claim.text for claim in project.load().claims] == [
        "ai.provider: bedrock (atmos.yaml:3)",
        "ai.tools.yolo_mode: true (atmos.yaml:12)",
        "ai.tools.shell.enabled: true (atmos.yaml:14)",
        "ai.sessions.path: /var/sessions (atmos.yaml:8)",
        "ai.instructions.file: docs/AI.md (atmos.yaml:15)",
        "ai.providers.bedrock.base_url: eu-west-1 (atmos.yaml:7)",
        "ai.prices.some-model: input 1, output 4, cache_read 0 (atmos.yaml:23)",
        "mcp.servers.docs: runs npx docs-server (atmos.yaml:28)",
        "mcp.servers.web: https://example.com/mcp (atmos.yaml:29)",
        "!exec: runs programs when Atmos reads it (atmos.yaml:30)",
        "ai.tools.allowed: atmos_* (atmos.yaml:31)",
    ]


def test_that_records_are_removed_is_a_claim(project: ProjectFolder) -> None:
    project.write("ai: {enabled: true, permissions: {audit_retention_days: 7}}")
    config = project.load()
    assert config.audit_retention_days == 7
    assert [claim.setting for claim in config.claims] == ["ai.permissions.audit_retention_days"]


def test_claims_hold_no_password(project: ProjectFolder) -> None:
    project.write("ai: {enabled: true, base_url: 'https://me:sesame@proxy/', sessions: {url: 'postgres://sesame@x'}}")
    claims = " ".join(claim.text for claim in project.load().claims)
    assert "sesame" not in claims
    assert "https://proxy/" in claims


def test_times_of_the_stores_are_read(project: ProjectFolder) -> None:
    project.write("ai: {enabled: true}")
    assert project.load().sessions.busy_timeout_seconds is None
    project.write("ai:\n  enabled: true\n  sessions: {project: acme, busy_timeout: 0.5, lease: 1m}\n")
    sessions = project.load().sessions
    assert (sessions.project, sessions.busy_timeout_seconds, sessions.lease_seconds) == ("acme", 0.5, 60)
