"""Everything of the chat on screens of several sizes; one chat serves many checks."""

import re
import time

import pytest

from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess
from tests.e2e.conftest import SHIM, Project
from tests.e2e.screen import Screen
from tests.e2e.test_chat import READY, chat, leave

pytestmark = pytest.mark.e2e

ESCAPE, TAB, UP = "\x1b", "\t", "\x1b[A"
CTRL_E, CTRL_L, CTRL_O, CTRL_R, CTRL_U, CTRL_X, SHIFT_TAB = "\x05", "\x0c", "\x0f", "\x12", "\x15", "\x18", "\x1b[Z"
ANSWER = """# Report

See [the docs](https://atmos.tools/stacks).

| stack | cidr |
|-------|------|
| ue1-prod | 10.20.0.0/16 |

```hcl
resource "aws_vpc" "this" {}
```
"""
DESCRIBE = {"tool_use": {"name": "atmos_describe_component", "input": {"component": "vpc", "stack": "ue1-prod"}}}
PLAN = {"tool_use": {"name": "atmos_terraform_plan", "input": {"component": "database", "stack": "ue1-prod"}}}
LARGE = pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 50)])


def since(screen: Screen, mark: str) -> str:
    return screen.text.rsplit(mark, 1)[-1]


@LARGE
def test_answers_cards_and_plans(project: Project, model: OfflineModelProcess, columns: int, rows: int) -> None:
    model.add_answers({"steps": [DESCRIBE]}, ANSWER, {"steps": [PLAN]}, "Planned.")
    with chat(project, (str(SHIM),), "--session", "fleet", columns=columns, rows=rows) as screen:
        for shown in ("project", "3 stacks", r"session fleet \(new\)", "claude-sonnet-5-5", "permissions: prompt"):
            screen.wait_for(shown)
        screen.submit("Report.")
        screen.wait_for(r"resource \"aws_vpc\"")
        screen.wait_for(READY)
        for shown in (r"describe vpc in ue1-prod · [\d.]+ s", "ctrl-o to expand", "https://atmos.tools/stacks"):
            screen.wait_for(shown)
        assert re.search(r"ue1-prod\s+10\.20\.0\.0/16", screen.text)
        assert b"\x1b[" in re.search(rb'[^\n]*"aws_vpc"', screen.raw).group()  # type: ignore[union-attr]
        for shown in (r"\d% context", r"\$0\.\d+", "fleet"):
            screen.wait_for(shown)
        screen.type(CTRL_O)
        screen.wait_for(r'"cidr_block": "10\.20')
        screen.submit("Plan it.")
        for shown in ("may this run", "Effect +runs programs", "Why", "would remember", "Yes, always", "1 question"):
            screen.wait_for(shown)
        screen.answer("y", until=r"\+1 ~0 -0")
        screen.wait_for(r"\+ terraform_data\.instance")
        screen.wait_for(r"Planned\.")
        leave(screen)
    with chat(project, (str(SHIM),), "--session", "fleet", columns=columns, rows=rows) as screen:
        for shown in (r"resumed, \d+ messages", "> Report", "describe vpc in", r"\+1 ~0 -0", "Planned"):
            screen.wait_for(shown)
        leave(screen)


@LARGE
def test_composer_queue_history_and_menus(
    project: Project, model: OfflineModelProcess, columns: int, rows: int
) -> None:
    model.add_answers({"steps": ["Busy", {"wait_for": "go"}]}, "Second answer.", "Third answer.")
    with chat(project, (str(SHIM),), "--session", "one", columns=columns, rows=rows) as screen:
        screen.wait_for("3 stacks")
        screen.submit("first")
        screen.wait_for("Busy")
        screen.submit("second")
        screen.submit("thrid")
        screen.wait_for("next: thrid")
        screen.type(UP)
        screen.wait_for("> thrid")
        screen.type("\x7f\x7f\x7fird\r")
        screen.wait_for("next: third")
        model.open_gate("go")
        screen.wait_for(r"Third answer\.")
        screen.wait_for(READY)
        screen.type("\x12")
        screen.type("sec")
        screen.wait_for("search: sec")
        screen.type("\r")
        screen.wait_until(lambda _: any(line == "> second" for line in screen.lines), "for the found text")
        screen.type(CTRL_E + CTRL_U)
        screen.type("plan @vp")
        screen.wait_for("vpc +(component|…)")  # cut when the longer names of files are there too
        screen.type(TAB)
        screen.wait_for("> plan vpc")
        screen.type(CTRL_E + CTRL_U)
        screen.type("/perm")
        screen.wait_for("/permissions")
        screen.type("\r")
        screen.wait_for("Mode: prompt")
        screen.type(SHIFT_TAB)
        screen.wait_for("read-only ·")
        screen.submit("/modle")
        screen.wait_for(r"Did you mean /model\?")
        leave(screen)
    assert [request["json"]["messages"][-1]["content"][0]["text"] for request in model.requests()] == [
        "first",
        "second",
        "third",
    ]
    history = next(project.home.rglob("history.jsonl"))
    assert history.read_text().splitlines()[-1] == '"third"'


@LARGE
def test_sessions_are_chosen_renamed_and_deleted(demo: Project, columns: int, rows: int) -> None:
    with chat(demo, (str(SHIM),), "--session", "alpha", columns=columns, rows=rows) as screen:
        screen.submit("Which stacks are there?")
        screen.wait_for(r"There are 3 stacks")
        screen.wait_for(READY)
        screen.submit("/new beta")
        screen.wait_for(r"session beta \(new\)")
        screen.type(CTRL_L)
        screen.wait_for(r"Sessions \(2 of 2\)")
        screen.wait_for(r"alpha +(just now|\d+ minute)")
        screen.type("alp")
        screen.wait_for(r"Sessions \(1 of 2\)")
        screen.wait_for("> Which stacks are there")
        screen.type(CTRL_R)
        screen.wait_for("new name: alpha")
        screen.type("bet\r")
        screen.wait_for("Renamed to alphabet")
        screen.type("alphabet\r")
        screen.wait_for(r"session alphabet \(resumed")
        screen.submit("/sessions")
        screen.wait_for(r"Sessions \(2 of 2\)")
        screen.type("beta")
        screen.wait_for(r"Sessions \(1 of 2\)")
        screen.type(CTRL_X)
        screen.wait_for("delete beta")
        screen.type("y")
        screen.wait_for("Deleted beta")
        screen.type(ESCAPE)
        screen.wait_until(lambda _: not any("filter:" in line for line in screen.lines), "for the list to close")
        leave(screen)


@pytest.mark.parametrize(("columns", "rows"), [(20, 10), (80, 24), (200, 50)])
def test_several_questions_are_numbered_and_chosen(
    project: Project, model: OfflineModelProcess, columns: int, rows: int
) -> None:
    project.edit("      - atmos_describe_*\n    restricted:\n", "    restricted:\n      - atmos_describe_*\n")
    other = {"tool_use": {"name": "atmos_describe_component", "input": {"component": "vpc", "stack": "ue1-dev"}}}
    model.add_answers({"steps": [DESCRIBE, other]}, "Described.")
    with Screen(
        [SHIM, "chat"], environment=project.environment, directory=project.directory, columns=columns, rows=rows
    ) as screen:
        screen.wait_for("3 stacks")
        screen.submit("go")
        screen.wait_for("Question 1 of 2")
        screen.answer("2", until="Question 2 of 2")
        screen.answer("d", until=r"(?m)^⊘ describe")
        screen.answer("n", until="Why not")
        screen.type("no\r")
        screen.wait_for(r"Described\.")
        leave(screen)
    results = [block["content"][0]["text"] for block in model.requests()[-1]["json"]["messages"][-1]["content"]]
    assert ["The user says: no" in result for result in results] == [True, False]


def test_nothing_of_others_reaches_the_terminal_as_a_command(project: Project, model: OfflineModelProcess) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J\x1b]52;c;aGk=\x07\x1b]8;;http://x\x1b\\l\x1b]8;;\x1b\\\x9b31m\u202e"
    (project.directory / "notes.txt").write_text("".join(f"{number} {hostile}\n" for number in range(5)))
    read = {"tool_use": {"name": "file_read", "input": {"path": "notes.txt"}}}
    write = {"tool_use": {"name": "file_write", "input": {"path": "new.txt", "content": f"a {hostile}\n"}}}
    error = {"http_error": {"status": 400, "message": f"refused {hostile}"}}
    model.add_answers(
        {"steps": [f"# {hostile}\n\n```\n{hostile}\n", read]}, {"steps": [write]}, f"Said {hostile}.", error
    )
    with chat(project, (str(SHIM),), "--session", "s") as screen:
        screen.submit("go")
        screen.wait_for("may this run")
        screen.answer("n", until="Why not")
        screen.type("\r")
        screen.wait_for("Said ")
        screen.wait_for(READY)
        screen.type(CTRL_O + CTRL_O)
        screen.wait_for(r"(?m)^  4 \\x1b")
        screen.submit("again")
        screen.wait_for("refused ")
        screen.type("\x1b[200~" + hostile.replace("\x1b[20", "") + "\x1b[201~\r")
        screen.type(CTRL_L)
        screen.wait_for("filter:")
        screen.type(ESCAPE)
        screen.wait_until(lambda _: not any("filter:" in line for line in screen.lines), "for the list to close")
        leave(screen)
    with chat(project, (str(SHIM),), "--session", "s") as again:
        again.wait_for("Said ")
        leave(again)
    commands = (b"\x1b]", b"\x1b[2J", b"\x1bP", b"\xc2\x9b", b"\x07", "\u202e".encode())
    assert [command for command in commands if command in screen.raw + again.raw] == []


def test_tiny_terminal_can_do_all_of_it(project: Project, model: OfflineModelProcess) -> None:
    model.add_answers({"steps": [PLAN]}, ANSWER, {"steps": ["Busy", {"wait_for": "go"}]}, "Second answer.")
    with Screen(
        [SHIM, "chat", "--session", "one"],
        environment=project.environment,
        directory=project.directory,
        columns=20,
        rows=10,
    ) as screen:
        screen.wait_for("3 stacks")
        screen.submit("go")
        screen.wait_for("Yes, this once")
        assert any(" d  No, never" in line for line in screen.lines)
        screen.answer("y", until="aws_vpc")
        screen.type(CTRL_L)
        screen.wait_for("Sessions")
        screen.type(ESCAPE)
        screen.wait_until(lambda _: not any("filter:" in line for line in screen.lines), "for the list to close")
        screen.type("/us")
        screen.wait_for("/usage")
        screen.type("\r")
        screen.wait_for("Cost")
        screen.submit("first")
        screen.wait_for("Busy")
        screen.submit("second")
        screen.wait_for("next: second")
        screen.type(UP)
        screen.wait_until(lambda _: "> second" in screen.lines, "for the message that waited")
        screen.type("\r")
        screen.wait_for("next: second")
        model.open_gate("go")
        screen.wait_for(r"Second answer\.")
        screen.type(CTRL_R + "fir")
        screen.wait_for("search: fir")
        screen.type("\r")
        screen.wait_until(lambda _: "> first" in screen.lines, "for the found text")
        screen.type(CTRL_E + CTRL_U + "@vp")
        screen.wait_for("vpc +(component|…)")  # cut when the longer names of files are there too
        screen.type(TAB)
        screen.wait_until(lambda _: "> vpc" in screen.lines, "for the name")
        screen.type(CTRL_E + CTRL_U)
        assert all(len(line) <= 20 for line in screen.lines)
        leave(screen)


def test_tiny_terminal_has_the_sessions(project: Project, model: OfflineModelProcess) -> None:
    model.add_answers({"steps": [DESCRIBE]}, "Described.")
    with Screen(
        [SHIM, "chat", "--session", "one"],
        environment=project.environment,
        directory=project.directory,
        columns=20,
        rows=10,
    ) as screen:
        screen.wait_for("3 stacks")
        screen.submit("go")
        screen.wait_for(r"Described\.")
        screen.submit("/new two")
        screen.wait_for(r"session two \(new\)")
        screen.submit("/sessions one")
        screen.wait_for(r"\(resumed,")
        screen.wait_for_count("✓ describe", 2)
        screen.type(CTRL_L)
        screen.wait_for(r"Sessions \(2 of 2\)")
        screen.type("two")
        screen.wait_for(r"Sessions \(1 of 2\)")
        screen.type(CTRL_X)
        screen.wait_for(r"delete two\? y/n")
        screen.type("y")
        screen.wait_for("Deleted two")
        screen.type(ESCAPE)
        screen.wait_until(lambda _: not any("filter:" in line for line in screen.lines), "for the list to close")
        assert all(len(line) <= 20 for line in screen.lines)
        leave(screen)


@pytest.mark.usefixtures("kept_warm")
def test_difference_and_undo_on_every_terminal(project: Project, model: OfflineModelProcess) -> None:
    path, flags = "stacks/deploy/ue1-dev.yaml", {"plain": ["--plain"]}
    variables = {"dumb": {"TERM": "dumb"}, "no color": {"NO_COLOR": "1"}}
    before = (project.directory / path).read_text()
    read = {"tool_use": {"name": "file_read", "input": {"path": path}}}
    edit = {"tool_use": {"name": "file_edit", "input": {"path": path, "old": "10.10.0.0/16", "new": "10.12.0.0/16"}}}
    for variant, columns, rows in (
        ("tiny", 20, 10), ("common", 80, 24), ("large", 200, 50), ("no color", 80, 24), ("dumb", 20, 10),
        ("plain", 80, 24),
    ):  # fmt: skip
        model.add_answers({"steps": [read]}, {"steps": [edit]}, "Changed.")
        in_lines = variant in {"dumb", "plain"}
        with Screen(
            [SHIM, "chat", *flags.get(variant, [])],
            environment=project.environment | variables.get(variant, {}),
            directory=project.directory,
            columns=columns,
            rows=rows,
        ) as screen:
            screen.wait_for("(?m)^>" if in_lines else "3 stacks")
            screen.submit("Change the CIDR.")
            screen.wait_for("Yes, this once")
            # Literally, and with nothing of the file in the first column, however narrow it is.
            for mark, address in (("-", r"10\.10"), (r"\+", r"10\.12")):
                screen.wait_for(rf"(?m)^ +\| {mark} {{8}}cidr_bl(ock:|o?\n > o?c?k:)\s+(> )?{address}\.0\.0/16")
            screen.wait_for(r"Change(:| {4}) \+1 −1 lines")  # noqa: RUF001 - as the question has it
            screen.answer("y\r" if in_lines else "y", until=r"Changed\.")
            assert "10.12.0.0/16" in (project.directory / path).read_text()
            screen.submit("/undo")
            screen.wait_until(lambda text: "Infrastructureisnotundone" in "".join(text.split()), "for the undo")
            assert (project.directory / path).read_text() == before
            assert all(len(line) <= columns for line in screen.lines)
            screen.submit("/quit")
            assert screen.exit_code() == 0
            assert screen.is_clean()
        codes = [int(code) for found in re.findall(rb"\x1b\[([\d;]+)m", screen.raw) for code in found.split(b";")]
        assert any(code >= 30 for code in codes) is (variant not in {"no color", "dumb"})


@pytest.mark.parametrize("variant", ["dumb", "plain"])
def test_line_by_line_has_questions_commands_and_no_cursor_movement(
    project: Project, model: OfflineModelProcess, variant: str
) -> None:
    model.add_answers({"steps": ["Thinking.\n", {"wait_for": "typed"}, PLAN]}, "Planned.")
    flags = ["--plain"] if variant == "plain" else []
    if variant == "dumb":
        project.environment["TERM"] = "dumb"
    with Screen(
        [SHIM, "chat", *flags, "--session", "s"], environment=project.environment, directory=project.directory
    ) as screen:
        screen.wait_for(r"(?m)^>")
        screen.submit("plan")
        screen.wait_for(r"Thinking\.")
        screen.submit("y")
        screen.wait_for(r"(?m)^y$")
        model.open_gate("typed")
        screen.wait_for("typed before the question")
        screen.wait_for_count(r"Answer \[y/a/n/d\]:", 2)
        screen.answer("y\r", until=r"Planned\.")
        screen.submit("/usage")
        screen.wait_for("Model requests")
        screen.submit("/sessions")
        screen.wait_for("MESSAGES")
        screen.submit("/quit")
        assert screen.exit_code() == 0
    moves = re.findall(rb"\x1b\[[0-9;?]*[A-LN-Za-ln-z]|\x1b[78]", screen.raw)
    assert moves == []


def test_no_color_has_no_colour(project: Project, model: OfflineModelProcess) -> None:
    model.add_answers({"steps": [DESCRIBE]}, ANSWER)
    project.environment["NO_COLOR"] = "1"
    with chat(project) as screen:
        screen.submit("Report.")
        screen.wait_for(r"resource \"aws_vpc\"")
        screen.type(CTRL_O)
        screen.wait_for("cidr_block")
        leave(screen)
    codes = {part for code in re.findall(rb"\x1b\[([0-9;]*)m", screen.raw) for part in code.split(b";") if part}
    assert not {code for code in codes if int(code) >= 30}


def test_what_takes_long_is_named_with_its_time(project: Project, model: OfflineModelProcess) -> None:
    model.add_answers({"steps": [{"wait_for": "go"}, "Here."]})
    with chat(project) as screen:
        screen.submit("Think.")
        end = time.monotonic() + 1.2
        screen.wait_until(lambda _: time.monotonic() > end, "a second")
        screen.wait_for(r"(working|loading the model) [1-9]\d* s, Esc cancels")
        model.open_gate("go")
        screen.wait_for(r"Here\.")
        leave(screen)
