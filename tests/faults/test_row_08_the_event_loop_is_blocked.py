"""Row 8: the event loop of a real sidecar is blocked, and with it every thread of Python, behind the real shim."""

import signal
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.e2e.conftest import SHIM, Project
from tests.e2e.screen import Screen
from tests.faults.blocking import SECONDS, environment_that_blocks

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(300)]

READY = "ready, /help"
MISSED = "the assistant has not answered for a while"
LATE_SECONDS = 30
"""What may pass on a busy machine between the end of a block and what it held up."""


@pytest.fixture
def blocking(demo: Project, tmp_path: Path) -> Project:
    demo.environment["ATMOS_AI_PYTHON"] = str(environment_that_blocks(tmp_path / "environment"))
    return demo


def blocked_lines(project: Project) -> int:
    log = project.directory / ".atmos" / "logs" / "sidecar.log"
    return log.read_text().count("the event loop was blocked for") if log.exists() else 0


def says_after(question: str, answer: str, text: str) -> bool:
    _, asked, said = text.rpartition(question)
    return bool(asked) and answer in said


def test_a_chat_outlives_blocks_of_ten_and_of_forty_seconds(blocking: Project) -> None:
    with Screen([SHIM, "chat"], environment=blocking.environment, directory=blocking.directory) as screen:
        screen.wait_for(READY)
        shim = psutil.Process(int(screen.process.pid or 0))
        (sidecar,) = (child for child in shim.children() if "serve" in child.cmdline())
        for number, question, answer in (
            (signal.SIGUSR1, "Which stacks are there?", "There are 3 stacks"),
            (signal.SIGUSR2, "Which components are there?", "components"),
        ):
            logged = blocked_lines(blocking)
            sidecar.send_signal(number)
            begin = time.monotonic()
            screen.submit(question)
            if number is signal.SIGUSR2:
                screen.wait_until(lambda text: MISSED in text, "word of the misses", seconds=SECONDS[number])
                sys.stdout.write(f"\nrow 8: told after {time.monotonic() - begin:.0f} s\n")
            is_answered = partial(says_after, f"> {question}", answer)
            screen.wait_until(is_answered, f"an answer to {question!r}", seconds=SECONDS[number] + LATE_SECONDS)
            assert time.monotonic() - begin > SECONDS[number] - 1
            assert blocked_lines(blocking) == logged + 1
        assert sidecar.is_running()  # nobody gave it up, nor its stream
        assert "stopped answering" not in screen.text
        screen.submit("/quit")
        assert screen.exit_code() == 0
