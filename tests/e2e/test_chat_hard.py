"""The chat under what terminals, shells and people do to it: nothing is lost, and the terminal is clean afterwards."""

import itertools
import os
import signal
import time
from collections.abc import Sequence

import psutil
import pytest

from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess
from tests.e2e.conftest import Project
from tests.e2e.screen import Screen
from tests.e2e.test_chat import READY, chat, leave, sidecar_of
from tests.e2e.test_chat_screens import CTRL_L, ESCAPE, PLAN
from tests.processes import wait_dead

pytestmark = pytest.mark.e2e

SIZES = [(columns, rows) for columns, rows in zip(range(30, 130), itertools.cycle((10, 24, 40)), strict=False)]
PARAGRAPHS = "".join(f"paragraph {number} of the answer\n\n" for number in range(60))


def test_storm_of_sizes_while_text_streams_and_somebody_types(project: Project, model: OfflineModelProcess) -> None:
    model.add_answers({"steps": ["start\n\n", {"wait_for": "go"}, PARAGRAPHS, {"wait_for": "end"}, "the end"]}, "Next.")
    with chat(project, columns=100, rows=30) as screen:
        screen.submit("Speak.")
        screen.wait_for("start")
        screen.type("typed ")
        model.open_gate("go")
        begin = time.monotonic()
        for number in range(1000):
            screen.process.setwinsize(*reversed(SIZES[number % len(SIZES)]))
            if number % 100 == 0:
                screen.type(f"{number // 100}")
            time.sleep(max(0.0, begin + number / 1000 - time.monotonic()))  # a thousand a second
        screen.resize(100, 30)
        screen.wait_for("typed 0123456789")
        model.open_gate("end")
        screen.wait_for("the end")
        screen.wait_for(READY)
        screen.type("\r")
        screen.wait_for(r"Next\.")
        screen.wait_for(READY)
        shown = "\n".join(screen.lines)
        assert shown.count(READY.partition(",")[0] + ",") == 1, shown
        assert shown.count("\n>\n") == 1, shown
        leave(screen)
    raw = screen.raw.decode(errors="replace")
    missing = [number for number in range(60) if f"paragraph {number} of" not in raw]
    assert missing == []
    assert model.requests()[-1]["json"]["messages"][-1]["content"][0]["text"] == "typed 0123456789"


def test_megabyte_is_pasted_and_sent_as_it_is(project: Project, model: OfflineModelProcess) -> None:
    model.add_answers("Read.")
    paste = "".join(f"line {number} with äöü and 日本\n" for number in range(35_000))
    with chat(project) as screen:
        screen.type(f"look: \x1b[200~{paste}\x1b[201~")
        screen.wait_for(r"\[Pasted text #1: \d+ characters, 35001 lines\]")
        screen.type(" thanks\r")
        screen.wait_for(r"Read\.")
        leave(screen)
    text = model.requests()[-1]["json"]["messages"][-1]["content"][0]["text"]
    assert len(paste.encode()) > 1 << 20
    assert text == f"look: {paste} thanks"


def test_careless_keys_cancel_nothing_and_lose_nothing(project: Project, model: OfflineModelProcess) -> None:
    model.add_answers({"steps": ["start", {"wait_for": "go"}, " and end"]}, "Read.")
    lines = "".join(f"line {number}\t of a terminal that marks no paste\r" for number in range(5000))
    with chat(project) as screen:
        screen.submit("Speak.")
        screen.wait_for("start")
        screen.type("a\x13b\x11c\x1b[1;99Pd\x1b]11;rgb:0/0/0\x07e\x1b[13;2uf")  # Ctrl-S, Ctrl-Q, keys that nobody knows
        screen.wait_until(lambda _: "> abcde" in screen.lines and "f" in screen.lines, "for the draft")
        screen.type("\x1b[200~half a paste")
        model.open_gate("go")
        screen.wait_for("start and end")
        screen.wait_for(READY)
        screen.type("\x03")
        screen.wait_for("Ctrl-C again leaves")
        assert "Cancelled" not in screen.text
        screen.wait_until(lambda _: ">" in screen.lines, "for an empty draft")
        screen.type(lines)
        screen.wait_for(rf"> \[Pasted text #1: {len(lines)} characters, 5001 lines\]")
        screen.type("\r")
        screen.wait_for(r"Read\.")
        leave(screen)
    assert model.requests()[-1]["json"]["messages"][-1]["content"][0]["text"] == lines.replace("\r", "\n")


def test_storms_of_sizes_leave_the_list_and_a_question_as_they_were(
    project: Project, model: OfflineModelProcess
) -> None:
    model.add_answers({"steps": [PLAN]}, "Planned.")
    sizes = [(1, 1), (20, 10), *SIZES[::3]]
    with chat(project, columns=80, rows=24) as screen:
        screen.type(CTRL_L)
        screen.wait_for("filter:")
        storm(screen, sizes)
        screen.type("x")
        screen.wait_until(lambda _: "filter: x" in screen.lines, "for the list to take a key")
        screen.type(ESCAPE)
        screen.wait_until(lambda _: not any("filter:" in line for line in screen.lines), "for the list to close")
        screen.submit("Plan it.")
        screen.wait_for("may this run")
        storm(screen, sizes)
        screen.wait_until(lambda _: any(" d  No, never" in line for line in screen.lines), "for the question")
        screen.type("\r \x1b[C")
        screen.answer("y", until=r"Planned\.")
        screen.wait_for(READY)
        shown = "\n".join(screen.lines)
        assert shown.count(READY) == 1, shown
        leave(screen)


def storm(screen: Screen, sizes: Sequence[tuple[int, int]]) -> None:
    """Changes the size a thousand times a second, and ends where it began."""
    for number in range(300):
        screen.process.setwinsize(*reversed(sizes[number % len(sizes)]))
        time.sleep(0.001)
    screen.resize(80, 24)


def test_terminal_that_is_stopped_and_suspended_loses_nothing(project: Project, model: OfflineModelProcess) -> None:
    model.add_answers({"steps": ["start\n\n", {"wait_for": "go"}, PARAGRAPHS * 20, "the end"]})
    with chat(project) as screen:
        process = psutil.Process(int(screen.process.pid or 0))
        screen.submit("Speak.")
        screen.wait_for("start")
        screen.type("\x1a")
        screen.wait_until(lambda _: process.status() == psutil.STATUS_STOPPED, "for the stop")
        assert screen.is_cooked()
        model.open_gate("go")
        process.send_signal(signal.SIGCONT)
        time.sleep(1)  # as after Ctrl-S: nobody reads what the terminal is sent
        screen.type("typed meanwhile")
        screen.wait_for("the end")
        screen.wait_for("> typed meanwhile")
        screen.type("\x03")
        leave(screen)
    raw = screen.raw.decode(errors="replace")
    assert [raw.count(f"paragraph {number} of") >= 20 for number in range(60)] == [True] * 60


def test_hang_up_ends_shim_and_sidecar(project: Project, model: OfflineModelProcess) -> None:
    model.add_answers({"steps": ["start", {"wait_for": "never"}]})
    with chat(project) as screen:
        screen.submit("Speak.")
        screen.wait_for("start")
        processes = [psutil.Process(int(screen.process.pid or 0)), sidecar_of(screen)]
        os.dup2(os.open(os.devnull, os.O_RDWR), screen.process.child_fd)  # the terminal's window is closed
        wait_dead(*processes[1:])


def test_frozen_sidecar_is_left_with_control_c_twice(project: Project, model: OfflineModelProcess) -> None:
    model.add_answers({"steps": ["start", {"wait_for": "never"}]})
    with chat(project) as screen:
        screen.submit("Speak.")
        screen.wait_for("start")
        sidecar = sidecar_of(screen)
        sidecar.suspend()
        screen.type("\x03")
        screen.wait_for("press Ctrl-C again to leave")
        screen.type("\x03")
        screen.wait_for("did not answer and was ended")
        assert screen.exit_code() == 70
        assert screen.is_clean()
        wait_dead(sidecar)
