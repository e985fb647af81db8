"""Row 6: reading out of a store that has grown, beside one that has not."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.sqlite import open_sqlite_store
from atmos_ai_sidecar.application.ports.session_store import SessionDraft
from atmos_ai_sidecar.domain.messages import Message, Role, Text
from atmos_ai_sidecar.v1 import session_service_pb2 as pb
from atmos_ai_sidecar.v1.session_service_pb2_grpc import SessionServiceStub
from tests.bench.place import Place, repeat, timed
from tests.bench.table import Row, percentile, row
from tests.sidecar_process import sidecar_process

_MESSAGES = 100_000
_SESSIONS = 10_000
_FLAT = 2.0
"""How many times the cost of the small store the large one may have."""


def volume_rows(place: Place) -> list[Row]:
    """Row 6, over rpc: the newest hundred messages, and the first page of sessions."""
    with (
        sidecar_process(directory=place.project, environment=place.environment) as sidecar,
        sidecar.channel() as channel,
    ):
        stub, metadata = SessionServiceStub(channel), sidecar.metadata
        small = stub.CreateSession(pb.CreateSessionRequest(name="small"), metadata=metadata).session
        asyncio.run(_fill(place, small.project_path, "little", sessions=100, messages=100))
        few = _reads(stub, metadata, "little")
        asyncio.run(_fill(place, small.project_path, "much", sessions=_SESSIONS, messages=_MESSAGES))
        many = _reads(stub, metadata, "much")
    rows = []
    for what, samples in many.items():
        growth = percentile(samples, 0.5) / percentile(few[what], 0.5)
        rows.append(row("6", what, samples, 10, unit="ms"))
        rows.append(row("6", "  many times what it costs in a small store", [growth], _FLAT, unit="x"))
    return rows


def _reads(stub: SessionServiceStub, metadata: Any, name: str) -> Mapping[str, list[float]]:
    found = stub.GetSessionByName(pb.GetSessionByNameRequest(name=name), metadata=metadata).session
    newest = pb.ListMessagesRequest(session_id=found.session_id, limit=100)
    assert len(stub.ListMessages(newest, metadata=metadata).messages) == 100
    calls: Mapping[str, Callable[[], object]] = {
        f"newest 100 messages of a session with {_MESSAGES:,}": partial(stub.ListMessages, newest, metadata=metadata),
        f"first page of {_SESSIONS:,} sessions": partial(
            stub.ListSessions, pb.ListSessionsRequest(page_size=50), metadata=metadata
        ),
    }
    return {what: list(repeat(100, partial(timed, call))) for what, call in calls.items()}


async def _fill(place: Place, project_path: str, name: str, *, sessions: int, messages: int) -> None:
    path = Path(place.project, ".atmos", "sessions", "sidecar.db")
    clock = SystemClock()
    store = await open_sqlite_store(path, clock)
    message = Message(role=Role.USER, blocks=(Text(text="What is the CIDR of the VPC in ue1-prod? " * 5),))

    def draft(name: str) -> SessionDraft:
        return SessionDraft(name=name, project_path=project_path, model="m", provider="anthropic", metadata={})

    try:
        filled = await store.create_session(draft(name))
        for _ in range(0, messages, 1000):
            await store.append_messages(filled.id, [message] * min(messages, 1000))
        for number in range(sessions):
            await store.create_session(draft(f"{name}-{number}"))
    finally:
        await store.close()
