"""Every flag and variable of Atmos in the list beside the recordings is taken, or refused with the reason."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from atmos_ai_sidecar import demo
from atmos_ai_sidecar.adapters.sqlite import open_memory_store
from atmos_ai_sidecar.domain.attachments import Selection
from tests.fakes.clock import FakeClock
from tests.terminal.office import Office, piped
from tests.terminal.test_sessions import ArchiveOffice

LIST = (Path(demo.__file__).parent / "recordings" / "atmos_flags.md").read_text()
COMMANDS = {
    "ai chat": ("chat",),
    "ai ask QUESTION…": ("ask", "why"),
    "ai exec [PROMPT]": ("exec", "why"),
    "ai sessions list": ("sessions", "list"),
    "ai sessions clean": ("sessions", "clean"),
    "ai sessions export NAME": ("sessions", "export", "s"),
    "ai sessions import FILE": ("sessions", "import", "f"),
}
VALUES = {
    "--format": "json",
    "--older-than": "30d",
    "--output": "out.json",
    "--name": "n",
    "-f": "json",
    "-o": "out.json",
    "-n": "n",
    "-s": "s",
    "-p": "anthropic",
    "--pager": "less",
    "-C": ".",
    **dict.fromkeys(
        (
            *("--session", "--mcp", "--include", "--exclude", "--provider", "--chdir", "--base-path", "--config"),
            *("--config-path", "--profile", "--identity", "--logs-level", "--logs-file", "--use-version"),
            *("--redirect-stderr", "--skill", "--edition"),
        ),
        "x",
    ),
}
"""What the flags that take a value are given."""
REFUSED = {"--skill": "Skills belong to Atmos' own assistant."}
SWITCHES_THAT_TAKE_FALSE = {"--context", "--metadata", "--no-tools", "--no-auto-context", "--overwrite", "--mask"}


def rows() -> Mapping[str, str]:
    """What the list says of each command."""
    found = re.findall(r"^\| `([^`]+)` \| (.+) \|$", LIST, re.MULTILINE)
    table = dict(found)
    # `exec` has what `ask` has, and more.
    table["ai exec [PROMPT]"] = table["ai exec [PROMPT]"].replace("the same", table["ai ask QUESTION…"])
    return table


def flags(text: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r"(?<![\w-])--?[a-zA-Z][a-z-]*", text)))


def global_flags() -> list[str]:
    return flags(LIST[LIST.index("Global flags") :])


CASES = [(command, flag) for command, text in rows().items() for flag in flags(text)]


def test_the_list_is_read_whole() -> None:
    assert set(rows()) == set(COMMANDS)
    assert len(CASES) == len(set(CASES)) >= 33
    assert len(global_flags()) == 24
    assert {flag for _, flag in CASES} >= {"--include", "-f", "-o", "-p", "-n", "--context", "--older-than"}


def lines(command: str, flag: str) -> Iterator[list[str]]:
    """Command lines with the flag in every spelling and place."""
    value, words = VALUES.get(flag), COMMANDS[command]
    is_common = flag in global_flags() or flag in {"--mcp", "--provider", "-p"}
    for given in [[flag]] if value is None else [[flag, value], [f"{flag}={value}"]]:
        yield [*words, *given]
        if is_common:
            yield [*given, *words]
    if flag in SWITCHES_THAT_TAKE_FALSE and not (is_common or value):
        yield from ([*words, f"{flag}={truth}"] for truth in ("true", "false"))


async def check(office: Office, command: str, flag: str, directory: str = "/project") -> None:
    for line in lines(command, flag):
        console = piped(directory=directory)
        console.end_input()
        code = await office.run(console, *line)
        if flag in REFUSED:
            assert code == 2, line
            assert f"{flag} is not supported here. {REFUSED[flag]}" in console.err
        else:
            assert code in {0, 1}, (line, console.err)
            assert "Something went wrong" not in console.err, line


@pytest.mark.parametrize("command", [command for command in COMMANDS if "sessions" not in command])
async def test_every_flag_of_a_turn_is_taken_or_refused_with_the_reason(command: str, tmp_path: Path) -> None:
    for flag in [*global_flags(), *(flag for name, flag in CASES if name == command)]:
        await check(Office(), command, flag, str(tmp_path))


@pytest.mark.parametrize("command", [command for command in COMMANDS if "sessions" in command])
async def test_every_flag_of_the_sessions_is_taken_or_refused_with_the_reason(command: str, tmp_path: Path) -> None:
    clock = FakeClock(jumps=True)
    store = await open_memory_store(clock)
    try:
        office = ArchiveOffice(clock, store, tmp_path)
        await office.say("s")
        for flag in [*global_flags(), *(flag for name, flag in CASES if name == command)]:
            await check(office, command, flag, str(tmp_path))
    finally:
        await store.close()


async def run_with(environment: Mapping[str, str], *arguments: str, directory: str = "/project") -> tuple[Office, str]:
    """A command of scripts under an environment, and its output."""
    office, console = Office(), piped(environment=environment, directory=directory)
    console.end_input()
    assert await office.run(console, *arguments) == 0, console.err
    return office, console.out


def test_every_variable_of_the_list_is_looked_at_below() -> None:
    listed = set(re.findall(r"`(ATMOS_[A-Z_]+)`", LIST))
    assert listed == {
        "ATMOS_AI_SESSION",
        "ATMOS_AI_MCP",
        "ATMOS_AI_INCLUDE",
        "ATMOS_AI_EXCLUDE",
        "ATMOS_AI_NO_AUTO_CONTEXT",
        "ATMOS_AI_NO_TOOLS",
        "ATMOS_AI_FORMAT",
        "ATMOS_AI_OUTPUT",
        "ATMOS_AI_CONTEXT",
        "ATMOS_AI_PROVIDER",
        "ATMOS_AI_SESSIONS_OLDER_THAN",
        *READ_ELSEWHERE,
    }


READ_ELSEWHERE = {
    "ATMOS_CHDIR",
    "ATMOS_BASE_PATH",
    "ATMOS_CLI_CONFIG_PATH",
    "ATMOS_PROFILE",
    "ATMOS_IDENTITY",
    "ATMOS_LOGS_LEVEL",
}
"""By the configuration, or by the user's atmos, which gets the caller's environment."""


@pytest.mark.parametrize("command", ["ask", "exec"])
async def test_variables_of_a_turn_stand_in_for_its_flags(command: str) -> None:
    environment = {
        "ATMOS_AI_SESSION": "mine",
        "ATMOS_AI_MCP": "a,b",
        "ATMOS_AI_INCLUDE": 'stacks/**,"a,b.txt"',
        "ATMOS_AI_EXCLUDE": "*.md, *.log",
        "ATMOS_AI_NO_TOOLS": "1",
        "ATMOS_AI_PROVIDER": "vertex",
    }
    office, _ = await run_with(environment, command, "why")
    (options,) = [options for _, options in office.opened]
    assert (options.mcp_servers, options.provider) == (("a", "b"), "vertex")
    assert office.selections == [Selection(include=("stacks/**", "a,b.txt"), exclude=("*.md", "*.log"))]
    assert office.chat.turns[0].arguments["with_tools"] is False
    assert (await office.sessions.get_by_name("mine")).message_count == 2


async def test_flags_go_over_variables() -> None:
    environment = {"ATMOS_AI_NO_TOOLS": "true", "ATMOS_AI_INCLUDE": "a", "ATMOS_AI_MCP": "a", "ATMOS_AI_FORMAT": "json"}
    arguments = ("--no-tools=false", "--include=b", "--include", "c,d", "--mcp=b", "-f=text")
    office, out = await run_with(environment, "exec", "why", *arguments)
    assert office.opened[0][1].mcp_servers == ("b",)
    assert office.selections == [Selection(include=("b", "c", "d"))]
    assert office.chat.turns[0].arguments["with_tools"] is True
    assert out == "You said: why\n"


async def test_variables_of_the_scripted_command_are_for_it_alone(tmp_path: Path) -> None:
    environment = {"ATMOS_AI_FORMAT": "json", "ATMOS_AI_OUTPUT": "answer.json", "ATMOS_AI_CONTEXT": "true"}
    office, out = await run_with(environment, "exec", "why", directory=str(tmp_path))
    assert out == ""
    assert json.loads((tmp_path / "answer.json").read_text())["success"] is True
    assert office.selections == [Selection(stacks=True)]
    asking, out = await run_with(environment, "ask", "why", directory=str(tmp_path))
    assert (out, asking.selections) == ("You said: why\n", [])


async def test_without_auto_context_only_what_the_line_names_is_sent() -> None:
    environment = {"ATMOS_AI_INCLUDE": "a", "ATMOS_AI_CONTEXT": "1"}
    office, _ = await run_with(environment, "exec", "why", "--no-auto-context")
    assert office.selections == []
    office, _ = await run_with({**environment, "ATMOS_AI_NO_AUTO_CONTEXT": "true"}, "exec", "why", "--include", "b")
    assert office.selections == [Selection(include=("b",))]


@pytest.mark.parametrize("name", ["ATMOS_AI_NO_TOOLS", "ATMOS_AI_FORMAT", "ATMOS_AI_CONTEXT"])
async def test_variable_with_a_wrong_value_is_a_usage_error(name: str) -> None:
    console = piped(environment={name: "perhaps"})
    assert await Office().run(console, "exec", "why") == 2
    assert "perhaps" in console.err
