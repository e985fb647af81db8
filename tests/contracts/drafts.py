"""Things to store, with everything that a test does not care about filled in."""

from collections.abc import Sequence
from datetime import timedelta

from atmos_ai_sidecar.application.ports.session_store import SessionDraft
from atmos_ai_sidecar.domain.messages import Message, Role, Text
from atmos_ai_sidecar.domain.requests import Answer, Option, PermissionRequest
from atmos_ai_sidecar.domain.tools import Effect
from tests.fakes.clock import START

PROJECT = "/home/ada/infra"


def draft(name: str = "vpc-refactor", *, project_path: str = PROJECT, request_id: str = "") -> SessionDraft:
    return SessionDraft(
        name=name,
        project_path=project_path,
        model="claude-sonnet-5-5",
        provider="anthropic",
        metadata={},
        request_id=request_id,
    )


def user(text: str) -> Message:
    return Message(role=Role.USER, blocks=(Text(text=text),))


def texts(messages: Sequence[Message]) -> list[str]:
    return [message.text for message in messages]


def permission_request(request_id: str, *, session_id: str = "", turn_id: str = "turn-1") -> PermissionRequest:
    return PermissionRequest(
        id=request_id,
        session_id=session_id,
        turn_id=turn_id,
        tool_call_id="toolu_1",
        run_id="",
        tool="atmos_terraform_plan",
        effect=Effect.EXECUTE,
        canonical_input='{"component":"database","stack":"ue1-prod"}',
        title="Plan database in ue1-prod",
        stack="ue1-prod",
        lines=("Plan database in ue1-prod?", "stack: ue1-prod"),
        options=(
            Option(id="yes", label="Yes", key="y", answer=Answer.ALLOW_ONCE),
            Option(id="always", label="Always", key="a", answer=Answer.ALLOW_ALWAYS, rule_preview="always allow"),
        ),
        digest="d1",
        create_time=START,
        expire_time=START + timedelta(minutes=10),
    )
