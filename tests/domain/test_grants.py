from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from atmos_ai_sidecar.domain.grants import (
    Grant,
    deciding,
    lifetime,
    living,
    matching,
    smallest_grant,
    with_grant,
)
from atmos_ai_sidecar.domain.tools import CommandClass, Demand, Effect, Execution, Parameter, Result, Tool
from atmos_ai_sidecar.errors import InvalidFieldError

NOW = datetime(2026, 1, 2, tzinfo=UTC)


async def never(values: object, execution: Execution) -> Result:
    raise AssertionError


def demand_of(values: Any) -> Demand:
    """Its words are the command; what is dangerous has no prefix."""
    words = tuple(values.get("command", "").split())
    classes = {"plan": CommandClass.PLAN, "apply": CommandClass.MUTATE, "destroy": CommandClass.DESTROY}
    found = next((classes[word] for word in words if word in classes), CommandClass.READ)
    if "-destroy" in words:
        found = CommandClass.DESTROY
    prefix = () if found is CommandClass.DESTROY else words[:2]
    return Demand(effect=Effect.EXECUTE, requires_permission=True, command_class=found, prefix=prefix)


SHELL = Tool(
    name="shell",
    description="",
    parameters=(
        Parameter(name="command", type="string", description="", required=True),
        Parameter(name="directory", type="string", description=""),
    ),
    effect=Effect.EXECUTE,
    execute=never,
    requires_permission=True,
    demand_of=demand_of,
    command_parameter="command",
)


def holds(grant: Grant, command: str, session_id: str = "s", **more: Any) -> bool:
    values = {"command": command, **more}
    return bool(matching((grant,), SHELL, values, SHELL.demand(values), session_id))


def test_the_smallest_grant_for_a_command_that_plans_is_its_first_words() -> None:
    values = {"command": "terraform plan -out=x", "directory": "vpc"}
    grant = smallest_grant(SHELL, values, allow=True)
    assert grant.command == ("terraform", "plan")
    assert grant.input == {"directory": "vpc"}
    assert grant.text == "always allow shell where command = terraform plan * (plan), directory = vpc"


@pytest.mark.parametrize(
    ("command", "directory", "expected"),
    [
        ("terraform plan -out=y", "vpc", True),
        ("terraform plan", "vpc", True),
        ("terraform plan -destroy", "vpc", False),
        ("terraform planning", "vpc", False),
        ("terraform show", "vpc", False),
        ("tofu plan", "vpc", False),
        ("terraform plan", "database", False),
    ],
)
@pytest.mark.parametrize("allow", [True, False])
def test_a_prefix_holds_for_the_same_words_of_the_same_class_in_the_same_place(
    command: str, directory: str, expected: bool, allow: bool
) -> None:
    grant = smallest_grant(SHELL, {"command": "terraform plan", "directory": "vpc"}, allow=allow)
    assert holds(grant, command, directory=directory) is expected


def test_a_prefix_that_allows_holds_for_no_call_with_a_field_more() -> None:
    grant = smallest_grant(SHELL, {"command": "terraform plan"}, allow=True)
    assert holds(grant, "terraform plan")
    assert not holds(grant, "terraform plan", directory="vpc")


@pytest.mark.parametrize("command", ["terraform apply x", "terraform destroy x"])
def test_a_command_that_changes_something_is_granted_as_a_whole(command: str) -> None:
    grant = smallest_grant(SHELL, {"command": command}, allow=True)
    assert (grant.command, grant.input) == ((), {"command": command})
    assert holds(grant, command)
    assert not holds(grant, f"{command} y")


def test_a_grant_without_a_command_rejects_every_call_with_its_fields() -> None:
    grant = Grant(tool="shell", allow=False, input={"directory": "vpc"})
    assert holds(grant, "terraform destroy", directory="vpc")
    assert not holds(grant, "terraform destroy", directory="database")


def test_a_grant_of_a_session_holds_in_no_other() -> None:
    grant = replace(smallest_grant(SHELL, {"command": "ls"}, allow=True), session_id="s")
    assert grant.text.endswith(" in this session")
    assert holds(grant, "ls", "s")
    assert not holds(grant, "ls", "t")


def test_a_grant_holds_until_it_expires_and_not_at_that_moment() -> None:
    for_ever, until = Grant(tool="a", allow=True), Grant(tool="b", allow=True, expire_time=NOW)
    assert living((for_ever, until), NOW - timedelta(seconds=1)) == (for_ever, until)
    assert living((for_ever, until), NOW) == (for_ever,)


def test_a_grant_that_says_the_same_takes_the_place_of_the_first() -> None:
    first, other = Grant(tool="a", allow=True, user="x"), Grant(tool="a", allow=False)
    again = replace(first, user="y", expire_time=NOW)
    assert with_grant((first, other), again) == (other, again)


def test_the_grant_that_decided_is_found_by_its_text() -> None:
    project, session = Grant(tool="a", allow=True, id="1"), Grant(tool="a", allow=True, id="2", session_id="s")
    assert deciding((project, session), project.text, "s") is project
    assert deciding((project, session), session.text, "s") is session
    assert deciding((project, session), session.text, "t") is None
    assert deciding((project,), "ai.tools.allowed: a", "s") is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1800), ("12h", 43200), ("7d", 604800), ("2w", 1209600), ("99999d", 8639913600)]
)
def test_lifetimes_have_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert lifetime(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "7", "d", "0d", "-1d", "1y", "1d ", "1.5h", "100000d", "\u0661d"])
def test_other_lifetimes_are_refused(text: str) -> None:
    with pytest.raises(InvalidFieldError, match="7d"):
        lifetime(text)
