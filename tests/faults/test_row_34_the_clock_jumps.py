"""Row 34: the time of day jumps by a day, forwards and backwards, while a sidecar works.

A machine has one clock, and setting it would change what everything on it does. So the jump is made where a sidecar
reads the time, in a real process, and it is checked that it reads it nowhere else.
"""

import ast
import itertools
import sys
from pathlib import Path

import pytest

from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess
from atmos_ai_sidecar.v1 import chat_service_pb2, permission_service_pb2, sidecar_service_pb2
from atmos_ai_sidecar.v1.permission_service_pb2_grpc import PermissionServiceStub
from atmos_ai_sidecar.v1.sidecar_service_pb2_grpc import SidecarServiceStub
from tests.e2e.conftest import Project
from tests.faults.conversations import Client
from tests.sidecar_process import sidecar_process

PACKAGE = Path(__file__).parent.parent.parent / "atmos_ai_sidecar"
CLOCKS = {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow"), ("date", "today")}
ALLOWED = {"adapters/clock.py", "adapters/local_tools/warden.py"}
"""The warden has no port: it writes down when a program began and ended, and waits by nothing of it."""


DAY_SECONDS = 86_400
SIDECAR = (sys.executable, "-I", "-X", "utf8", Path(__file__).with_name("jumping_sidecar.py"), "serve")
PLAN = {"name": "atmos_terraform_plan", "input": {"component": "vpc", "stack": "ue1-dev"}}


class Jump:
    """By how much the sidecar's clock is wrong. It reads that at every look, so the file is replaced in one go."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def to(self, seconds: int) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.replace(self.path)


@pytest.mark.e2e
def test_a_turn_its_question_and_a_token_outlive_jumps_by_a_day(
    project: Project, model: OfflineModelProcess, tmp_path: Path
) -> None:
    jump = Jump(tmp_path / "jump")
    jump.to(0)
    project.environment["JUMP"] = str(jump.path)
    model.add_answers({"steps": ["Before.", {"wait_for": "jump"}, " After.", {"tool_use": PLAN}]}, "Done.")
    with (
        sidecar_process(directory=project.directory, environment=project.environment, command=SIDECAR) as sidecar,
        sidecar.channel() as channel,
        Client(sidecar, channel).attached("s", interactive=True) as attached,
    ):
        service, client = SidecarServiceStub(channel), Client(sidecar, channel)
        mint = sidecar_service_pb2.MintClientTokenRequest()
        token = service.MintClientToken(mint, metadata=sidecar.metadata, timeout=20).token
        attached.say("Plan vpc.")
        attached.until("text_delta")
        jump.to(DAY_SECONDS)
        model.open_gate("jump")
        question = attached.until("permission_requested").permission_requested.permission_request
        jump.to(2 * DAY_SECONDS)  # a question waits by a timer and not until a time of day
        answer = permission_service_pb2.ResolvePermissionRequestRequest(
            permission_request_id=question.permission_request_id,
            option_id=question.options[0].option_id,
            digest=question.digest,
        )
        settled = PermissionServiceStub(channel).ResolvePermissionRequest(answer, metadata=sidecar.metadata, timeout=20)
        jump.to(-DAY_SECONDS)
        assert settled.permission_request.outcome == permission_service_pb2.ANSWER_ALLOW_ONCE
        assert attached.finished().stop_reason == chat_service_pb2.STOP_REASON_END_TURN
        assert attached.text == "Before. After.Done."
        assert attached.seqs == list(range(1, len(attached.seqs) + 1))
        times = [event.event_time.ToSeconds() for event in attached.events if event.seq]
        steps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert max(steps) > DAY_SECONDS - 600  # it did jump
        assert min(steps) < -2 * DAY_SECONDS + 600
        with client.attached("s", resume_after_seq=0) as replayed:
            assert replayed.finished() == attached.events[-1].turn_finished
            assert replayed.seqs == attached.seqs
        info = sidecar_service_pb2.GetServerInfoRequest()
        as_client = (("authorization", f"Bearer {token}"),)
        assert service.GetServerInfo(info, metadata=as_client, timeout=20).role == "client"
        assert client.texts(client.id_of("s"))[0] == "Plan vpc."
    assert sidecar.process.returncode == 0


def readings(path: Path) -> list[int]:
    """The lines that read the clock of the day."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else getattr(node.value, "attr", "")
            if (owner, node.attr) in CLOCKS:
                found.append(node.lineno)
    return found


def test_only_the_adapter_of_the_clock_reads_the_time_of_day() -> None:
    found = {
        str(path.relative_to(PACKAGE)): lines
        for path in PACKAGE.rglob("*.py")
        if "v1" not in path.parts and (lines := readings(path))
    }
    assert set(found) <= ALLOWED, found


def test_timers_of_the_clock_do_not_follow_the_time_of_day() -> None:
    source = (PACKAGE / "adapters" / "clock.py").read_text()
    assert "time.monotonic()" in source
    assert "asyncio.sleep" in source
