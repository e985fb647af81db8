import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from atmos_ai_sidecar.application.permissions import Permissions
from atmos_ai_sidecar.domain.audit import AuditEntry, Outcome
from atmos_ai_sidecar.domain.grants import Grant
from atmos_ai_sidecar.domain.messages import Message, Role, ToolCall, ToolResult
from atmos_ai_sidecar.domain.permissions import ListEntry, PermissionSettings
from atmos_ai_sidecar.domain.requests import Answer, Option
from atmos_ai_sidecar.domain.sessions import SessionId
from atmos_ai_sidecar.domain.tools import Result
from tests.fakes.clock import START
from tests.fakes.console import FakeConsole
from tests.fakes.grants import fake_grants
from tests.terminal.office import DESCRIBE, PLAN, Office, piped

WHERE = ("component=vpc", "stack=ue1-prod")
VALUES = {"component": "vpc", "stack": "ue1-prod"}
TEXT = "always allow atmos_terraform_plan where component = vpc, stack = ue1-prod"


async def run(office: Office, *arguments: str, console: FakeConsole | None = None) -> tuple[int, FakeConsole]:
    console = console or piped()
    return await office.run(console, "permissions", *arguments), console


class TestRemembering:
    async def test_the_rule_is_shown_before_it_is_stored_and_its_id_printed(self) -> None:
        office = Office()
        code, console = await run(office, "add", PLAN.name, *WHERE, "--expires", "7d", "--yes")
        (grant,) = office.grants.grants
        assert code == 0
        assert f"To be remembered: {TEXT}, for 7d" in console.err
        assert console.out == f"{grant.id}\n"
        assert (grant.input, grant.user, grant.expire_time) == (VALUES, "me", START + timedelta(days=7))

    async def test_without_a_terminal_and_without_yes_nothing_is_stored(self) -> None:
        office = Office()
        code, console = await run(office, "add", PLAN.name, *WHERE)
        assert code == 1
        assert "--yes stores it" in console.err
        assert not office.grants.grants

    async def test_it_can_hold_in_one_session_only(self) -> None:
        office = Office()
        session = await office.sessions.create(name="vpc-refactor")
        assert (await run(office, "add", PLAN.name, *WHERE, "--session", "vpc-refactor", "-y", "--reject"))[0] == 0
        (grant,) = office.grants.grants
        assert (grant.session_id, grant.allow) == (session.id, False)

    @pytest.mark.parametrize(
        "arguments",
        [
            ("add", PLAN.name, *WHERE, "--expires", "soon", "-y"),
            ("add", PLAN.name, "-y"),
            ("add", "none", "-y"),
            ("add", PLAN.name, *WHERE, "--session", "none", "-y"),
        ],
    )
    async def test_what_makes_no_sense_is_not_stored(self, arguments: Sequence[str]) -> None:
        office = Office()
        assert (await run(office, *arguments))[0] != 0
        assert not office.grants.grants

    async def test_a_call_that_would_still_ask_cannot_be_allowed(self) -> None:
        office = Office()
        settings = PermissionSettings(restricted=(ListEntry(pattern=PLAN.name),))
        office.permissions = Permissions(settings, fake_grants(office.grants), office.registry)
        code, console = await run(office, "add", PLAN.name, *WHERE, "-y")
        assert code == 1
        assert "cannot be allowed for good" in console.err
        assert (await run(office, "add", PLAN.name, *WHERE, "-y", "--reject"))[0] == 0

    async def test_revoked_grants_are_printed_and_unknown_ids_reported(self) -> None:
        office = Office()
        grant = office.grants.add(Grant(tool="t", allow=True))
        code, console = await run(office, "revoke", grant.id, "unknown")
        assert code == 1
        assert "always allow t" in console.out
        assert "'unknown'" in console.err
        assert not office.grants.grants

    async def test_rules_and_grants_are_listed_for_people_and_programs(self) -> None:
        office = Office()
        settings = PermissionSettings(allowed=(ListEntry(pattern="atmos_*", file="atmos.yaml", line=4),))
        office.permissions = Permissions(settings, fake_grants(office.grants), office.registry)
        _, empty = await run(office, "list")
        assert "Nothing is remembered" in empty.err
        office.grants.add(Grant(tool="t", allow=False, input={"a": "\x1b[2J"}, expire_time=START, create_time=START))
        code, console = await run(office, "list")
        assert code == 0
        assert "ai.tools.allowed: atmos_*  atmos.yaml:4" in console.out
        assert "expired" in console.out
        assert "\x1b[2J" not in console.out
        _, as_json = await run(office, "list", "--format", "json")
        document = json.loads(as_json.out)
        assert document["rules"] == [{"text": "ai.tools.allowed: atmos_*", "file": "atmos.yaml", "line": 4}]
        assert document["grants"][0]["decision"] == "deny"
        _, as_yaml = await run(office, "list", "--format", "yaml")
        assert '    decision: "deny"' in as_yaml.out


class TestTrying:
    async def test_cases_of_a_file_are_decided_and_the_others_printed(self, tmp_path: Path) -> None:
        cases = [
            {"tool": PLAN.name, "input": VALUES, "decision": "ask"},
            {"tool": DESCRIBE.name, "input": VALUES, "decision": "deny"},
            {"tool": "gone", "input": {}, "decision": "allow"},
        ]
        file = tmp_path / "cases.jsonl"
        file.write_text("\n\n".join(map(json.dumps, cases)))
        code, console = await run(Office(), "test", str(file))
        assert code == 1
        assert f"{file}:3: {DESCRIBE.name}" in console.out
        assert "deny → allow" in console.out
        assert "allow → no decision" in console.out
        assert "3 calls, 2 decided otherwise." in console.err
        file.write_text(json.dumps(cases[0]))
        assert (await run(Office(), "test", str(file), "--format", "json"))[0] == 0

    @pytest.mark.parametrize("content", ["[]", "{", '{"tool": 1}', '{"tool": "t", "decision": "perhaps"}'])
    async def test_a_case_that_is_none_is_named(self, tmp_path: Path, content: str) -> None:
        file = tmp_path / "cases.jsonl"
        file.write_text(content)
        code, console = await run(Office(), "test", str(file))
        assert code == 2
        assert "cases.jsonl:1" in console.err

    async def test_it_wants_a_file_or_a_session(self, tmp_path: Path) -> None:
        assert (await run(Office(), "test"))[0] == 2
        assert (await run(Office(), "test", "none.jsonl"))[0] == 2
        assert (await run(Office(), "test", "a", "--replay", "b"))[0] == 2

    async def test_a_session_is_decided_again_by_the_rules_of_today(self) -> None:
        office = Office()
        session = await office.sessions.create(name="vpc")
        calls = [ToolCall(id=str(number), name=PLAN.name, input=VALUES) for number in range(3)]
        results = [
            ToolResult(tool_call_id="0", result=Result(success=True)),
            ToolResult(tool_call_id="1", result=Result(success=False, reason="TOOL_EXECUTION_DENIED")),
        ]
        await office.store.append_messages(
            SessionId(session.id),
            [
                Message(role=Role.ASSISTANT, blocks=tuple(calls), turn_id="t"),
                Message(role=Role.USER, blocks=tuple(results), turn_id="t"),
            ],
        )
        entry = AuditEntry(time="t", session_id=session.id, tool_call_id="0", decision="ask")
        await office.audit.write(entry)
        code, console = await run(office, "test", "--replay", "vpc", "--format", "json")
        assert code == 0
        found = [json.loads(line) for line in console.out.splitlines()]
        assert [(one["before"], one["now"], one["changed"]) for one in found] == [
            ("ask", "ask", False),
            ("deny", "ask", True),
            (None, "ask", False),
        ]


class TestAudit:
    async def written(self) -> Office:
        office = Office()
        for number in range(1, 4):
            entry = AuditEntry(time=f"t{number}", tool="plan", session_id="s", decision="allow", rule="\x1b[2J")
            await office.audit.write(replace(entry, outcome=Outcome.SUCCEEDED))
        return office

    async def test_rows_are_shown_newest_first_and_made_visible(self) -> None:
        office = await self.written()
        code, console = await run(office, "audit", "show", "--limit", "2")
        assert code == 0
        head, *rows = console.out.splitlines()
        assert head.split()[:3] == ["NUMBER", "TIME", "TOOL"]
        assert [row.split()[0] for row in rows] == ["3", "2"]
        assert "\x1b[2J" not in console.out
        _, as_json = await run(office, "audit", "show", "--format", "json")
        assert [one["number"] for one in json.loads(as_json.out)] == [3, 2, 1]

    async def test_verify_names_the_first_broken_row(self) -> None:
        office = await self.written()
        code, console = await run(office, "audit", "verify")
        assert (code, console.out) == (0, "3 rows are as they were written.\n")
        del office.audit_log.rows[2]
        code, console = await run(office, "audit", "verify")
        assert code == 1
        assert console.out.startswith("Row 3 is not as it was written: it is missing")

    async def test_export_prints_an_object_a_line_oldest_first(self) -> None:
        office = await self.written()
        code, console = await run(office, "audit", "export", "--format", "jsonl")
        assert code == 0
        rows = [json.loads(line) for line in console.out.splitlines()]
        assert [row["number"] for row in rows] == [1, 2, 3]
        assert {"time", "tool", "decision", "rule", "answered_by", "latency_ms", "outcome", "code"} <= rows[0].keys()

    async def test_the_oldest_rows_are_removed_and_verify_says_from_when(self) -> None:
        office = Office()
        for year in (2001, 2002, 2025):
            await office.audit.write(AuditEntry(time=f"{year}-01-01T00:00:00+00:00", tool="plan"))
        code, console = await run(office, "audit", "clean", "--older-than", "3650d", "--dry-run")
        assert (code, console.err) == (0, "2 rows would be removed.\n")
        code, console = await run(office, "audit", "clean", "--older-than", "3650d")
        assert (code, console.err) == (0, "Removed 2 rows.\n")
        code, console = await run(office, "audit", "verify")
        rows, removed = console.out.splitlines()
        assert (code, rows) == (0, "2 rows are as they were written.")
        assert removed.startswith("2 rows from before 20")

    @pytest.mark.parametrize("age", ["", "0d", "much", "99999m"])
    async def test_an_age_that_is_none_removes_nothing(self, age: str) -> None:
        office = await self.written()
        code, _ = await run(office, "audit", "clean", "--older-than", age)
        assert code != 0
        assert len(office.audit_log.rows) == 3

    async def test_an_empty_trail_is_no_error(self) -> None:
        for arguments in (("show",), ("verify",), ("export",)):
            assert (await run(Office(), "audit", *arguments))[0] == 0


@dataclass
class Asked:
    id: str = "request-1"
    lines: Sequence[str] = ("Call       plan vpc",)
    options: Sequence[Option] = (
        Option(id="allow_once", label="Yes", key="y", answer=Answer.ALLOW_ONCE),
        Option(id="allow_always", label="Always", key="a", answer=Answer.ALLOW_ALWAYS, rule_preview=TEXT),
        Option(id="reject_once", label="No", key="n", answer=Answer.REJECT_ONCE),
    )
    answers: list[tuple[str, str]] = field(default_factory=list)

    async def answer(self, option_id: str, comment: str) -> str:
        self.answers.append((option_id, comment))
        return option_id


class TestAnswering:
    def office(self, **environment: Any) -> tuple[Office, Asked, FakeConsole]:
        office, asked, console = Office(), Asked(), piped()
        office.questions = (asked,)
        console.environment = {**console.environment, "ATMOS_AI_TOKEN": "secret", **environment}
        return office, asked, console

    async def test_without_an_id_what_is_asked_is_shown(self) -> None:
        office, asked, console = self.office()
        assert (await run(office, "answer", console=console))[0] == 0
        assert "plan vpc" in console.out
        assert TEXT in console.out
        assert (asked.answers, office.tokens) == ([], ["secret"])

    async def test_a_key_answers_and_a_reason_goes_with_a_rejection(self) -> None:
        office, asked, console = self.office()
        assert (await run(office, "answer", asked.id, "a", console=console))[0] == 0
        assert (await run(office, "answer", asked.id, "n", "--reason", "Not now.", console=console))[0] == 0
        assert asked.answers == [("allow_always", ""), ("reject_once", "Not now.")]

    @pytest.mark.parametrize("arguments", [("x",), (), ("y", "--reason", "because")])
    async def test_anything_else_answers_nothing(self, arguments: Sequence[str]) -> None:
        office, asked, console = self.office()
        assert (await run(office, "answer", asked.id, *arguments, console=console))[0] == 2
        assert asked.answers == []

    async def test_a_question_that_nobody_asks_is_said_with_what_to_do(self) -> None:
        office, _, console = self.office()
        assert (await run(office, "answer", "other", "y", console=console))[0] == 1
        assert "ATMOS_AI_TOKEN" in console.err
