"""One call of the replayed `atmos`.

Environment: `ATMOS_REPLAY_SCENARIO` names a fault (see scenarios.py); `ATMOS_REPLAY_DELAY` is the number of
seconds to wait before an answer. SIGINT and SIGTERM end it at any time with 130 and 143, as they end Atmos.
"""

from __future__ import annotations

import _thread
import json
import os
import signal
import sys
import time

from . import recordings, scenarios
from .command_line import Request, parse
from .project import first_edit, locate, write_planfile

TYPE_CHECKING = False  # see command_line.py
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOT_RECORDED = 64
ENDING = (signal.SIGINT, signal.SIGTERM)
WITHOUT_STACKS = (("version",), ("describe", "config"))
"""Commands that do not read the stacks, and so stay true in an edited project."""


def main(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    """Answer one command line on stdout and stderr and return the exit code."""
    _end_like_atmos_on_signals()
    request = parse(argv)
    scenario = environment.get("ATMOS_REPLAY_SCENARIO", "")
    if scenario not in ("", *scenarios.SCENARIOS):
        return _refuse(f"there is no scenario {scenario!r}. Scenarios: {', '.join(scenarios.SCENARIOS)}.")
    project = locate(request, environment)
    if request.words == ("mcp", "start"):
        from .mcp_stdio import serve  # noqa: PLC0415 - the other calls do without it

        return serve(project, scenario, _delay(environment))
    answers = recordings.load()
    answer = recordings.find(request, scenario, answers)
    if answer is None:
        return _refuse(_not_recorded(argv, request, scenario, answers))
    if not scenario and request.words not in WITHOUT_STACKS:
        edited = first_edit(project)
        if edited:
            return _refuse(
                f"{os.path.join(project, edited)} is not as it was when Atmos answered, "  # noqa: PTH118
                f"so its answer to `atmos {' '.join(argv)}` is not known. "
                "Undo the edit (in the chat: `/undo`) to get the recorded answer."
            )
    time.sleep(_delay(environment))
    if answer.exit_code == 0 and request.words[:2] == ("terraform", "plan"):
        write_planfile(project, request, _component_folder(request, answers))
    _write(1, answer.stdout.replace("{project}", project))
    _write(2, answer.stderr.replace("{project}", project))
    return answer.exit_code


def _end_like_atmos_on_signals() -> None:
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a Go program dies of a closed stdout, without a traceback
    if hasattr(signal, "pthread_sigmask"):  # a handler would wait for a blocking read to return
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        _thread.start_new_thread(lambda: os._exit(128 + signal.sigwait(ENDING)), ())


def _delay(environment: Mapping[str, str]) -> float:
    return float(environment.get("ATMOS_REPLAY_DELAY") or 0)


def _component_folder(request: Request, answers: list[recordings.Answer]) -> str:
    """The folder of the terraform code is the component's own name unless its metadata names another."""
    described = parse(["describe", "component", request.component, "-s", request.stack, "--format", "json"])
    answer = recordings.find(described, "", answers)
    metadata = json.loads(answer.stdout).get("metadata", {}) if answer else {}
    return str(metadata.get("component", request.component))


def _not_recorded(argv: Sequence[str], request: Request, scenario: str, answers: list[recordings.Answer]) -> str:
    """Say what was asked and what could have been: the recordings that begin with the longest matching words."""
    told = [a for a in answers if recordings.find(a.request, scenario, [a])]
    for length in range(len(request.words), -1, -1):
        near = [a for a in told if a.request.words[:length] == request.words[:length]]
        if near:
            break
    lines = sorted({_shown(a.request) for a in near})
    where = f"in the scenario {scenario}" if scenario else "without a scenario"
    return "\n  ".join((f"no answer is recorded for `atmos {' '.join(argv)}` {where}. Recorded:", *lines))


def _shown(request: Request) -> str:
    """Write a recorded command with placeholders, so that the list for a person stays short."""
    names = ["COMPONENT"] if request.component else []
    words = [*request.words[: 2 if names else None], *names]
    flags = [f"{name}={'STACK' if name == '--stack' else value}" for name, value in request.flags.items()]
    terraform = [argument if argument.startswith("-") else "PLANFILE" for argument in request.passthrough]
    return " ".join(["atmos", *words, *sorted(flags), *(["--", *terraform] if terraform else [])])


def _refuse(reason: str) -> int:
    _write(
        2,
        f"atmos: {reason}\nThis is no Atmos: it replays what Atmos 1.226.1 answered on the demo project, "
        "and nothing else. Set ATMOS_AI_ATMOS to the path of a real atmos to use that one.\n",
    )
    return NOT_RECORDED


def _write(descriptor: int, text: str) -> None:
    stream = sys.stdout if descriptor == 1 else sys.stderr
    stream.buffer.write(text.encode("utf-8"))
    stream.buffer.flush()
