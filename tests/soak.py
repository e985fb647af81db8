"""`make soak`: turns with tools, cancels, reconnects and approvals on one sidecar for a long time, and what it costs.

Fails when memory or descriptors grow, a process is left, an event is lost, or the database is not bounded.
"""

import json
import os
import random
import sqlite3
import statistics
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import psutil

from atmos_ai_sidecar.v1 import (
    chat_service_pb2,
    permission_service_pb2,
    permission_service_pb2_grpc,
    session_service_pb2,
    session_service_pb2_grpc,
)
from tests.bench.conversation import Conversation, conversation
from tests.bench.place import Place, place
from tests.sidecar_process import SidecarProcess, sidecar_process

SECONDS = float(os.environ.get("ATMOS_AI_SOAK_SECONDS", "3600"))
TURNS_A_MINUTE = float(os.environ.get("ATMOS_AI_SOAK_RATE", "200"))
SESSIONS = 10
"""How many sessions are used in turns; an old one is deleted when it has had its turns."""
TURNS_A_SESSION = 20
WARM_UP = 0.3
"""The share of the samples before which growth is not judged: caches fill and the SDK is loaded."""
MAX_GROWTH_BYTES_A_TURN = 1024
MIN_TURNS = 1000
"""Below that many turns after the warm-up the slope is shown and not judged: memory has not settled."""
MAX_DESCRIPTORS = 8
MAX_THREADS = 4
MAX_DATABASE_BYTES = 64 << 20
SHOWN_TURNS = 500
"""A line is shown after so many: an hour that is cut off has told something."""
OLD_TURNS = 500
"""So many turns of sixty days ago stand in the journal at the start: they must go while turns run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the sidecar held at one moment."""

    turns: int
    memory: int
    descriptors: int
    threads: int
    database: int


@dataclass(slots=True)
class Seen:
    """What happened so far."""

    turns: Counter[str] = field(default_factory=Counter)
    events: int = 0
    lost: int = 0
    failures: list[str] = field(default_factory=list)
    zombies: int = 0
    """The most that two samples in a row saw of the same ones: a process may just have ended."""
    samples: list[Sample] = field(default_factory=list)


class Soak:
    """One sidecar under scripted turns."""

    def __init__(self, here: Place, sidecar: SidecarProcess, channel: grpc.Channel) -> None:
        self._here, self._sidecar, self._channel = here, sidecar, channel
        self._process = psutil.Process(sidecar.process.pid)
        self._chance = random.Random(8)
        self._sessions: list[tuple[str, int]] = []
        self._dead: set[int] = set()
        self.database = Path(here.project, ".atmos", "sessions", "sidecar.db")
        self._permissions = permission_service_pb2_grpc.PermissionServiceStub(channel)
        self._store = session_service_pb2_grpc.SessionServiceStub(channel)
        self.seen = Seen()

    def run(self) -> None:
        """Turns at the wanted rate until the time is over."""
        self._add_old_turns()
        begin = time.monotonic()
        kinds = (self._plain, self._with_tool, self._cancelled, self._reconnected, self._approved)
        while time.monotonic() - begin < SECONDS:
            number = self.seen.turns.total()
            kind = kinds[number % len(kinds)]
            self._perform(kind)
            self.seen.turns[kind.__name__.strip("_")] += 1
            if number % 10 == 0:
                self._sample(number)
            due = begin + self.seen.turns.total() * 60 / TURNS_A_MINUTE
            time.sleep(max(0.0, due - time.monotonic()))
        self._sample(self.seen.turns.total())

    def _perform(self, kind: Callable[[str], None]) -> None:
        """One turn; what goes wrong in it is a finding and not the end of the hour, unless nobody is left to ask."""
        try:
            kind(self._next_session())
        except (grpc.RpcError, AssertionError) as error:
            self.seen.failures.append(f"{kind.__name__}: {error!r}"[:500])
            if self._sidecar.process.poll() is not None:
                raise

    def _sample(self, turns: int) -> None:
        process = self._process
        with process.oneshot():
            sample = Sample(
                turns=turns,
                memory=process.memory_info().rss,
                descriptors=process.num_fds(),
                threads=process.num_threads(),
                database=sum(path.stat().st_size for path in self.database.parent.glob(self.database.name + "*")),
            )
        self.seen.samples.append(sample)
        if turns % SHOWN_TURNS == 0:
            sys.stderr.write(f"{sample}, lost {self.seen.lost}, failed {len(self.seen.failures)}\n")
        dead = {child.pid for child in process.children(recursive=True) if _is_zombie(child)}
        self.seen.zombies = max(self.seen.zombies, len(dead & self._dead))
        self._dead = dead

    def _add_old_turns(self) -> None:
        """Writes turns of long ago into the journal, as if the sidecar had been used then."""
        self._plain("old")
        old = (datetime.now(UTC) - timedelta(days=60)).isoformat()
        with closing(sqlite3.connect(self.database, timeout=30)) as connection, connection:
            ((session, seq),) = connection.execute("SELECT id, last_seq FROM sessions WHERE name = 'old'").fetchall()
            for number in range(OLD_TURNS):
                turn = f"old-{number}"
                connection.execute("INSERT INTO turns VALUES (?, ?, 'gone', ?, ?)", (session, turn, old, old))
                connection.execute(
                    "INSERT INTO events (session_id, seq, turn_id, created_at, type, event)"
                    " VALUES (?, ?, ?, ?, 'text_delta', '{}')",
                    (session, seq + number + 1, turn, old),
                )
            connection.execute("UPDATE sessions SET last_seq = last_seq + ? WHERE id = ?", (OLD_TURNS, session))

    def old_turns_left(self) -> int:
        """Turns and events of long ago that are still in the journal."""
        with closing(sqlite3.connect(self.database, timeout=30)) as connection:
            return sum(
                int(connection.execute(f"SELECT count(*) FROM {table} WHERE turn_id LIKE 'old-%'").fetchone()[0])
                for table in ("turns", "events")
            )

    def _next_session(self) -> str:
        if len(self._sessions) < SESSIONS:
            self._sessions.append((f"soak-{uuid.uuid4()}", 0))
        name, turns = self._sessions.pop(0)
        if turns >= TURNS_A_SESSION:
            self._delete(name)
            name, turns = f"soak-{uuid.uuid4()}", 0
        self._sessions.append((name, turns + 1))
        return name

    def _delete(self, name: str) -> None:
        found = self._store.GetSessionByName(
            session_service_pb2.GetSessionByNameRequest(name=name), metadata=self._sidecar.metadata
        ).session
        self._store.DeleteSession(
            session_service_pb2.DeleteSessionRequest(session_id=found.session_id), metadata=self._sidecar.metadata
        )

    def _plain(self, session: str) -> None:
        self._turn(session, "hello")

    def _with_tool(self, session: str) -> None:
        self._turn(session, "Describe the component vpc in ue1-prod.")

    def _approved(self, session: str) -> None:
        self._turn(session, "Plan the database in ue1-prod.")

    def _cancelled(self, session: str) -> None:
        self._here.model.add_answers({"steps": ["Let me think. ", {"silence": {}}]})
        with conversation(self._channel, self._sidecar.metadata, session) as talk:
            talk.say("Think for ever.")
            talk.until("text_delta")
            talk.cancel_turn()
            self._finish(talk, chat_service_pb2.STOP_REASON_CANCELLED)

    def _reconnected(self, session: str) -> None:
        """Leaves in the middle and comes back to the events that it has not seen."""
        first = Conversation(self._channel, self._sidecar.metadata, session)
        first.until("attached")
        first.say("hello")
        first.until("turn_started")
        first.close()
        with conversation(self._channel, self._sidecar.metadata, session, after=first.last_seq) as talk:
            talk.last_seq = first.last_seq
            self._finish(talk, None)

    def _turn(self, session: str, text: str) -> None:
        with conversation(self._channel, self._sidecar.metadata, session) as talk:
            talk.say(text)
            self._finish(talk, chat_service_pb2.STOP_REASON_END_TURN)

    def _finish(self, talk: Conversation, wanted: int | None) -> None:
        seqs = [talk.last_seq] if talk.last_seq else []

        def see(event: chat_service_pb2.ChatResponse) -> None:
            self.seen.events += 1
            if event.seq:
                seqs.append(event.seq)
            if event.WhichOneof("event") == "permission_requested":
                self._allow(event.permission_requested.permission_request)

        finished = talk.until("turn_finished", see).turn_finished
        self.seen.lost += seqs[-1] - seqs[0] + 1 - len(seqs)
        if wanted is not None and finished.stop_reason != wanted:
            self.seen.failures.append(f"{finished.stop_reason} {finished.reason} {finished.message}")

    def _allow(self, request: Any) -> None:
        answer = permission_service_pb2.ResolvePermissionRequestRequest(
            permission_request_id=request.permission_request_id,
            option_id=request.options[0].option_id,
            digest=request.digest,
        )
        self._permissions.ResolvePermissionRequest(answer, metadata=self._sidecar.metadata)


def _is_zombie(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _processes_left(sidecar: psutil.Process) -> list[str]:
    """What no tool needs any more: zombies, and all but the one warden that waits for the next tool."""
    children = sidecar.children(recursive=True)
    zombies = [child for child in children if _is_zombie(child)]
    waiting = [child for child in children if child not in zombies]
    return [f"{child.pid} {child.name()} {child.status()}" for child in (*zombies, *waiting[1:])]


def report(seen: Seen, old_turns: int, left: list[str]) -> tuple[dict[str, Any], list[str]]:
    """The figures, and what is wrong with them."""
    settled = seen.samples[int(len(seen.samples) * WARM_UP) :]
    first, last = settled[0], settled[-1]
    growth = _growth(settled)
    is_judged = last.turns - first.turns >= MIN_TURNS
    figures = {
        "seconds": SECONDS,
        "turns": dict(seen.turns),
        "events": seen.events,
        "lost_events": seen.lost,
        "failures": [len(seen.failures), *seen.failures[:5]],
        "memory_mb": [round(sample.memory / 1e6, 1) for sample in settled[:: max(1, len(settled) // 12)]],
        "memory_growth_bytes_a_turn": round(growth),
        "memory_growth_of_the_last_half": round(_growth(settled[len(settled) // 2 :])),
        "memory_growth_is_judged": is_judged,
        "descriptors": [first.descriptors, max(sample.descriptors for sample in settled), last.descriptors],
        "threads": [first.threads, max(sample.threads for sample in settled), last.threads],
        "zombies": seen.zombies,
        "processes_left": left,
        "database_mb": [round(sample.database / 1e6, 2) for sample in settled[:: max(1, len(settled) // 12)]],
        "old_rows_left": old_turns,
        "load": os.getloadavg(),
    }
    wrong = {
        "memory grows": is_judged and growth > MAX_GROWTH_BYTES_A_TURN,
        "descriptors grow": last.descriptors - first.descriptors > MAX_DESCRIPTORS,
        "threads grow": last.threads - first.threads > MAX_THREADS,
        "events were lost": seen.lost != 0,
        "turns failed": bool(seen.failures),
        "processes are left": bool(left) or seen.zombies > 0,
        "the database is too large": max(sample.database for sample in settled) > MAX_DATABASE_BYTES,
        "the journal forgot nothing": old_turns > 0,
    }
    return figures, [what for what, is_so in wrong.items() if is_so]


def _growth(samples: Sequence[Sample]) -> float:
    """Bytes a turn."""
    if len(samples) < 2:
        return 0.0
    return statistics.linear_regression(
        [sample.turns for sample in samples], [sample.memory for sample in samples]
    ).slope


def main() -> int:
    with (
        place() as here,
        sidecar_process(directory=here.project, environment=here.environment) as sidecar,
        sidecar.channel() as channel,
    ):
        soak = Soak(here, sidecar, channel)
        soak.run()
        left = _processes_left(psutil.Process(sidecar.process.pid))
        figures, wrong = report(soak.seen, soak.old_turns_left(), left)
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    sys.stdout.write(f"{', '.join(wrong)}\n" if wrong else "nothing is wrong\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
