"""Row 6: the newest messages of a long session and the first page of many sessions, flat as they grow."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from atmos_ai_sidecar.v1 import session_service_pb2, session_service_pb2_grpc
from tests.bench.table import Row, row
from tests.sidecar_process import sidecar_process

SIZES = (1_000, 10_000, 100_000)
BUDGET_MS = 10
SAMPLES = 100
_TIME = "'2026-01-01T00:00:00.000000Z'"
_SESSION = f"""
    INSERT INTO sessions (id, name, project_path, model, provider, created_at, updated_at, message_count)
    VALUES (?, ?, ?, 'm', 'p', {_TIME}, ?, ?)
"""
_MESSAGE = f"""
    INSERT INTO messages (session_id, role, content, created_at, blocks) VALUES (?, ?, ?, {_TIME}, ?)
"""
_TEXT = "The VPC of ue1-prod has the CIDR 10.20.0.0/16."


def long_list_rows(
    project: Path, environment: Mapping[str, str], timed: Callable[[Callable[[], object]], float]
) -> list[Row]:
    """Measures through a real sidecar; leaves the project's database as large as it has made it."""
    rows: list[Row] = []
    have = 0
    _make_database(project, environment)
    for size in SIZES:
        _fill(project, have, size)
        have = size
        with sidecar_process(directory=project, environment=environment) as sidecar, sidecar.channel() as channel:
            sessions = session_service_pb2_grpc.SessionServiceStub(channel)
            first_page = session_service_pb2.ListSessionsRequest()
            newest = session_service_pb2.ListMessagesRequest(session_id=f"long-{size}", limit=100)
            for what, call, request in (
                (f"first page of {size:,} sessions over rpc", sessions.ListSessions, first_page),
                (f"newest 100 of {size:,} messages over rpc", sessions.ListMessages, newest),
            ):
                ask = partial(call, request, metadata=sidecar.metadata)
                samples = [timed(ask) for _ in range(SAMPLES)][SAMPLES // 10 :]
                rows.append(row("6", f"{what}, p50", samples, BUDGET_MS, unit="ms"))
    return sorted(rows, key=lambda each: each.what.startswith("newest"))


def _make_database(project: Path, environment: Mapping[str, str]) -> None:
    with sidecar_process(directory=project, environment=environment) as sidecar, sidecar.channel() as channel:
        stub = session_service_pb2_grpc.SessionServiceStub(channel)
        stub.ListSessions(session_service_pb2.ListSessionsRequest(), metadata=sidecar.metadata)


def _fill(project: Path, have: int, size: int) -> None:
    """Adds sessions up to that number, and one session with as many messages."""
    long = f"long-{size}"
    path = project / ".atmos" / "sessions" / "sidecar.db"
    with closing(sqlite3.connect(path)) as database, database:
        place = str(project.resolve())
        database.executemany(_SESSION, (_session(f"s-{number:06}", place, 0, number) for number in range(have, size)))
        database.execute(_SESSION, _session(long, place, size, 0))
        database.executemany(
            _MESSAGE,
            (
                (long, ("user", "assistant")[number % 2], _TEXT, f'[{{"type":"text","text":"{_TEXT}"}}]')
                for number in range(size)
            ),
        )
        database.execute("INSERT INTO messages_fts (messages_fts) VALUES ('rebuild')")


def _session(name: str, project_path: str, count: int, second: int) -> Sequence[object]:
    moment = f"2026-01-01T{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}.{second:06}Z"
    return (name, name, project_path, moment, count)
