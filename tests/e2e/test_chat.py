"""The chat as a person has it: the real shim in a real terminal, and what the screen shows."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess
from tests.e2e.conftest import SHIM, Project
from tests.e2e.screen import Screen
from tests.e2e.test_process_life import finished_turns

pytestmark = pytest.mark.e2e

READY = r"ready, /help"


@contextmanager
def chat(
    project: Project, program: tuple[str, ...] = (str(SHIM),), *arguments: str, columns: int = 100, rows: int = 30
) -> Iterator[Screen]:
    with Screen(
        [*program, "chat", *arguments],
        environment=project.environment,
        directory=project.directory,
        columns=columns,
        rows=rows,
    ) as screen:
        screen.wait_for(READY)
        yield screen


def sidecar_of(screen: Screen) -> psutil.Process:
    shim = psutil.Process(int(screen.process.pid or 0))
    return next(child for child in shim.children() if "serve" in child.cmdline())


def wait_for_unsent(project: Project, screen: Screen, *texts: str) -> None:
    """Waits until the chat keeps these texts, and nothing else, for one that comes after it."""
    wanted = {"draft": texts[-1], "queue": list(texts[:-1]), "sending": ""}
    screen.wait_until(
        lambda _: any(
            wanted.items() <= json.loads(path.read_text()).items() for path in project.home.rglob("unsent/*.json")
        ),
        f"for {wanted} to be kept",
    )


def leave(screen: Screen) -> None:
    screen.type("\x04")
    assert screen.exit_code() == 0
    assert screen.is_clean()


def test_conversation_about_the_project(program: tuple[str, ...], demo: Project) -> None:
    with chat(demo, program, "--session", "fleet") as screen:
        screen.submit("Which stacks are there?")
        screen.wait_for(r"ue1-dev.*ue1-prod.*ue1-staging")
        screen.wait_for(r"list stacks · [\d.]+ s")
        screen.submit("What is the CIDR of the VPC in ue1-prod?")
        screen.wait_for(r"10\.20\.0\.0/16")
        screen.submit("Validate the stacks.")
        screen.wait_for("All stacks validated successfully")
        leave(screen)


def test_plan_asks_and_always_is_remembered(program: tuple[str, ...], demo: Project) -> None:
    with chat(demo, program) as screen:
        screen.submit("Plan the database in ue1-prod.")
        screen.wait_for("may this run")
        for shown in ("atmos_terraform_plan", "ue1-prod", "database", "tools that need"):
            screen.wait_for(shown)
        screen.answer("a", until="1 to add, 0 to change, 0 to destroy")
        screen.submit("Plan the database in ue1-prod.")
        screen.wait_for_count("1 to add, 0 to change, 0 to destroy", 2)
        assert screen.text.count("Remembered:") == 1
        leave(screen)
    with chat(demo, program) as screen:
        screen.submit("Plan the database in ue1-prod.")
        screen.wait_for("1 to add, 0 to change, 0 to destroy")
        leave(screen)


@pytest.mark.parametrize(("keys", "told"), [("n\r", "was denied"), ("d", "was denied")])
def test_denied_plan_is_told_politely_and_never_is_remembered(demo: Project, keys: str, told: str) -> None:
    with chat(demo) as screen:
        screen.submit("Plan the database in ue1-prod.")
        screen.wait_for("may this run")
        screen.answer(keys[0], until="Why not" if keys != keys[0] else told)
        screen.type(keys[1:])
        screen.wait_for(told)
        screen.wait_for(READY)
        screen.submit("Plan the database in ue1-prod.")
        if keys == "d":
            screen.wait_for_count(told, 2)
        else:
            screen.wait_until(
                lambda text: "may this run" in text.rsplit("Plan the database", 1)[-1], "to be asked again"
            )
            screen.type("\x1b")
            screen.wait_for("Cancelled")
        leave(screen)


def test_once_allows_this_call_alone(demo: Project) -> None:
    with chat(demo) as screen:
        screen.submit("Plan the database in ue1-prod.")
        screen.wait_for("may this run")
        screen.answer("y", until="1 to add, 0 to change, 0 to destroy")
        screen.submit("Plan the database in ue1-prod.")
        screen.wait_until(lambda text: "may this run" in text.rsplit("Plan the database", 1)[-1], "to be asked again")
        screen.type("\x1b")
        screen.wait_for("Cancelled")
        leave(screen)


def test_keys_typed_ahead_never_answer_a_question(demo: Project) -> None:
    with chat(demo) as screen:
        screen.submit("Plan the database in ue1-prod.")
        screen.wait_for("may this run")
        screen.type("y")
        end = time.monotonic() + 1
        screen.wait_until(lambda _: time.monotonic() > end, "a second")
        assert "to add" not in screen.text
        screen.type("\x1b")
        screen.wait_for("Cancelled")
        leave(screen)


def test_escape_cancels_the_turn_and_keeps_what_was_said(project: Project, model: OfflineModelProcess) -> None:
    model.add_answers({"steps": ["The CIDR is", {"wait_for": "never"}]}, "Now I can.")
    with chat(project, (str(SHIM),), "--session", "s") as screen:
        screen.submit("What is the CIDR?")
        screen.wait_for("The CIDR is")
        screen.type("\x1b")
        screen.wait_for("Cancelled")
        assert "The CIDR is" in screen.text
        screen.submit("Try again.")
        screen.wait_for(r"Now I can\.")
        leave(screen)
    messages = model.requests()[-1]["json"]["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert messages[1]["content"][0]["text"] == "The CIDR is"


def test_text_streams_as_it_comes(project: Project, model: OfflineModelProcess) -> None:
    model.add_answers({"steps": ["First half", {"wait_for": "go"}, " and second half."]})
    with chat(project) as screen:
        screen.submit("Speak.")
        screen.wait_for("First half")
        assert "second half" not in screen.text
        model.open_gate("go")
        screen.wait_for("First half and second half")
        leave(screen)


def test_resumed_chat_shows_the_conversation_and_the_model_gets_all_of_it(
    project: Project, model: OfflineModelProcess
) -> None:
    call = {"tool_use": {"name": "atmos_list_stacks", "input": {}}}
    model.add_answers({"steps": [call]}, "There are three.", "You asked about stacks.")
    with chat(project, (str(SHIM),), "--session", "s") as screen:
        screen.submit("Which stacks?")
        screen.wait_for(r"There are three\.")
        leave(screen)
    with chat(project, (str(SHIM),), "--session", "s") as screen:
        for shown in ("Which stacks", "list stacks", "There are three"):
            screen.wait_for(shown)
        screen.submit("What did I ask?")
        screen.wait_for(r"You asked about stacks\.")
        leave(screen)
    messages = model.requests()[-1]["json"]["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user", "assistant", "user"]
    assert [block["type"] for block in messages[1]["content"]] == ["tool_use"]
    result = messages[2]["content"][0]
    assert (result["type"], result["tool_use_id"]) == ("tool_result", messages[1]["content"][0]["id"])
    assert "ue1-prod" in str(result["content"])


def test_ctrl_c_twice_leaves_with_130_and_a_cooked_terminal(program: tuple[str, ...], demo: Project) -> None:
    with chat(demo, program) as screen:
        screen.type("\x03")
        screen.type("\x03")
        assert screen.exit_code() == 130
        assert screen.is_clean()


@pytest.mark.parametrize(("name", "code"), [("TERM", 143), ("HUP", 129)])
def test_signal_ends_the_chat_with_its_code_and_a_cooked_terminal(
    program: tuple[str, ...], demo: Project, name: str, code: int
) -> None:
    with chat(demo, program) as screen:
        screen.signal(name)
        assert screen.exit_code() == code
        assert screen.is_clean()


def test_terminal_may_shrink_and_grow_at_any_time(demo: Project) -> None:
    with chat(demo) as screen:
        screen.type("a draft that is long enough to wrap when the terminal gets narrow, and stays one draft")
        for columns, rows in ((40, 20), (20, 10), (200, 50), (80, 24)):
            screen.resize(columns, rows)
        screen.wait_for(READY)
        screen.type("\x03")
        screen.submit("Which stacks are there?")
        screen.wait_for("ue1-staging")
        leave(screen)


@pytest.mark.parametrize(("columns", "rows"), [(20, 10), (80, 24), (200, 50)])
def test_chat_fits_every_terminal(demo: Project, columns: int, rows: int) -> None:
    with Screen(
        [SHIM, "chat"], environment=demo.environment, directory=demo.directory, columns=columns, rows=rows
    ) as screen:
        screen.wait_for("prompt")
        screen.submit("Which stacks are there?")
        screen.wait_for("ue1-staging")
        leave(screen)


def test_suspended_chat_goes_on_where_it_was(program: tuple[str, ...], demo: Project) -> None:
    with chat(demo, program) as screen:
        process = psutil.Process(int(screen.process.pid or 0))
        screen.type("a draft")
        screen.wait_for("a draft")
        screen.type("\x1a")
        screen.wait_until(lambda _: process.status() == psutil.STATUS_STOPPED, "for the stop")
        assert screen.is_cooked()
        process.send_signal(signal.SIGCONT)
        screen.type(" that goes on")
        screen.wait_for("a draft that goes on")
        assert not screen.is_cooked()
        screen.type("\x03")
        leave(screen)


def test_dumb_terminal_gets_lines_and_no_escape_sequences(program: tuple[str, ...], demo: Project) -> None:
    demo.environment["TERM"] = "dumb"
    with Screen([*program, "chat"], environment=demo.environment, directory=demo.directory) as screen:
        screen.wait_for(r"(?m)^>")
        screen.submit("Which stacks are there?")
        screen.wait_for("ue1-staging")
        screen.submit("/quit")
        assert screen.exit_code() == 0
    assert b"\x1b" not in screen.raw


def test_chat_in_a_pipe_reads_lines_and_answers_them(program: tuple[str, ...], demo: Project) -> None:
    done = subprocess.run(
        (*program, "chat"),
        cwd=demo.directory,
        env=demo.environment,
        input="Which stacks are there?\n",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "ue1-staging" in done.stdout
    assert "\x1b" not in done.stdout


def test_killed_sidecar_is_started_again_and_the_chat_goes_on(project: Project, model: OfflineModelProcess) -> None:
    model.add_answers({"steps": ["Half an answer", {"wait_for": "never"}]}, "A whole one.")
    with chat(project, (str(SHIM),), "--session", "s") as screen:
        screen.submit("Speak.")
        screen.wait_for("Half an answer")
        screen.submit("Then this.")
        screen.type("half a draft")
        wait_for_unsent(project, screen, "Then this.", "half a draft")
        sidecar_of(screen).kill()
        screen.wait_for("ended unexpectedly")
        screen.wait_until(lambda text: re.search(READY, text.rsplit("ended unexpectedly", 1)[-1]), "to be back")
        screen.wait_for("ended in the middle of this turn")
        screen.wait_until(lambda _: "> half a draft" in screen.lines, "for the draft")
        screen.wait_for("not sent: Then this")
        assert screen.text.count("ended unexpectedly") == 1
        assert screen.text.rpartition("ended unexpectedly")[2].count("Half an answer") == 1
        screen.type(" that goes on")
        wait_for_unsent(project, screen, "Then this.", "half a draft that goes on")
        processes = [sidecar_of(screen), psutil.Process(int(screen.process.pid or 0))]
        for process in processes:
            process.kill()
        screen.exit_code()
        psutil.wait_procs(processes, timeout=10)
    assert len(model.requests()) == 1
    with chat(project, (str(SHIM),), "--session", "s") as screen:
        screen.wait_until(lambda _: "> half a draft that goes on" in screen.lines, "for the draft")
        screen.type("\x05\x15Again.\r")
        screen.wait_for(r"A whole one\.")
        screen.wait_for(READY)
        screen.type("\x1b[A")
        screen.wait_until(lambda _: "> Then this." in screen.lines, "for the message that waited")
        screen.type("\x03")
        leave(screen)
    assert [*project.home.rglob("unsent/*.json")] == []
    assert str(model.requests()[-1]["json"]["messages"]).count("Half an answer") == 1
    assert finished_turns(project) == ["interrupted", "end_turn"]


def test_two_chats_of_one_session_see_each_other_and_speak_in_turn(
    project: Project, model: OfflineModelProcess
) -> None:
    model.add_answers(
        {"steps": ["Busy", {"wait_for": "go"}, " no more."]}, "Second.", {"steps": ["Half", {"wait_for": "-"}]}
    )
    both = (str(SHIM),), "--session", "s"
    with chat(project, *both) as first, chat(project, *both) as second:
        first.submit("from the first")
        second.wait_for("> from the first")
        second.wait_for("Busy")
        second.submit("from the second")
        second.wait_for("next: from the second")
        model.open_gate("go")
        for screen in (first, second):
            screen.wait_for(r"Busy no more\.")
            screen.wait_for("> from the second")
            screen.wait_for(r"Second\.")
        first.submit("die")
        second.wait_for("Half")
        for process in (sidecar_of(first), psutil.Process(int(first.process.pid or 0))):
            process.kill()
        first.exit_code()
        second.type("\x1b")
        second.wait_for("ended in the middle of this turn")
        leave(second)


def test_exec_asks_on_the_terminal_even_when_its_output_is_redirected(
    program: tuple[str, ...], demo: Project, tmp_path: Path
) -> None:
    command = " ".join(
        (*program, "exec", "'Plan the database in ue1-prod.'", ">", str(tmp_path / "out"), "; echo LEFT $?")
    )
    with Screen(["bash", "--norc", "-c", command], environment=demo.environment, directory=demo.directory) as screen:
        screen.wait_for(r"\[y/a/n/d\]")
        assert "ue1-prod" in screen.text
        screen.answer("y\r", until="LEFT 0")
    assert "1 to add" in (tmp_path / "out").read_text()


def test_unknown_project_is_trusted_once_on_a_terminal(demo: Project) -> None:
    del demo.environment["ATMOS_AI_TRUST_PROJECT"]
    for trusted in (False, True):
        with Screen([SHIM, "chat"], environment=demo.environment, directory=demo.directory) as screen:
            if not trusted:
                screen.wait_for("Trust this project")
                screen.answer("y\r", until=READY)
            screen.wait_for(READY)
            leave(screen)
    with (demo.directory / "atmos.yaml").open("a") as file:
        file.write("# changed\n")
    with Screen([SHIM, "chat"], environment=demo.environment, directory=demo.directory, columns=250) as screen:
        screen.wait_for("changed")
        screen.answer("n\r", until="not trusted")
        assert screen.exit_code() == 5
