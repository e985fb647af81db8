"""What a listener is told live and what the journal replays are the same, whatever happens in between."""

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from atmos_ai_sidecar.adapters.sqlite import SqliteStore, open_sqlite_store
from atmos_ai_sidecar.application.broadcast import Broadcast
from atmos_ai_sidecar.domain.events import SessionEvent, TextDelta
from atmos_ai_sidecar.domain.sessions import SessionId
from tests.contracts.drafts import draft
from tests.fakes.clock import START, FakeClock


class Listener:
    """Somebody who listens from a place on and writes down what comes."""

    def __init__(self, broadcast: Broadcast, session_id: SessionId, after_seq: int) -> None:
        self.seen = after_seq
        self.events: list[SessionEvent] = []
        self._context = broadcast.events(session_id, after_seq=after_seq)

    async def attach(self) -> None:
        self._following = await self._context.__aenter__()

    async def catch_up(self, last_seq: int) -> None:
        """Takes what is there; a gap or a double is an error at once."""
        while self.seen < last_seq:
            event = await asyncio.wait_for(anext(self._following), 5)
            assert event.seq == self.seen + 1
            self.events.append(event)
            self.seen = event.seq

    async def detach(self) -> None:
        await self._context.__aexit__(None, None, None)


class Replay(RuleBasedStateMachine):
    """One sidecar with listeners, another one that writes too, and restarts of the first."""

    listeners: Bundle[Listener] = Bundle("listeners")

    @initialize()
    def start(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.directory = tempfile.TemporaryDirectory()
        self.attached: list[Listener] = []
        self.written: list[str] = []
        self.forgotten = 0
        self.run(self._open())
        self.session_id = self.run(self.store.create_session(draft())).id

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    async def _open(self) -> None:
        path = Path(self.directory.name) / "sidecar.db"
        self.store: SqliteStore = await open_sqlite_store(path, FakeClock())
        self.other: SqliteStore = await open_sqlite_store(path, FakeClock())
        self.broadcast = Broadcast(self.store)

    @rule(texts=st.lists(st.text(max_size=3), min_size=1, max_size=300))
    def publish(self, texts: list[str]) -> None:
        self.written += texts
        self.run(self.broadcast.publish(self.session_id, "turn-1", [TextDelta(text=text) for text in texts]))

    @rule(text=st.text(max_size=3))
    def write_elsewhere(self, text: str) -> None:
        self.written.append(text)
        self.run(self.other.append_events(self.session_id, "turn-2", [TextDelta(text=text)]))

    @rule(target=listeners, share=st.floats(0, 1))
    def attach(self, share: float) -> Listener:
        place = self.forgotten + int(share * (len(self.written) - self.forgotten))
        listener = Listener(self.broadcast, self.session_id, place)
        self.run(listener.attach())
        self.attached.append(listener)
        return listener

    @rule(listener=consumes(listeners))
    def detach(self, listener: Listener) -> None:
        if listener in self.attached:
            self.attached.remove(listener)
            self.run(listener.detach())

    @rule()
    def restart(self) -> None:
        """The sidecar starts again; listeners come back with the last number that they have seen."""
        self.run(self.store.close())
        self.run(self.other.close())
        self.run(self._open())
        for place, listener in enumerate(self.attached):
            again = Listener(self.broadcast, self.session_id, listener.seen)
            self.run(again.attach())
            self.attached[place] = again

    @rule(share=st.floats(0, 1))
    def forget(self, share: float) -> None:
        """What the slowest listener has seen may go; nobody misses it."""
        last = len(self.written)
        slowest = min([listener.seen for listener in self.attached] or [last])
        keep = last - int(share * slowest)
        self.run(self.store.prune_events(self.session_id, before=START, keep=keep))
        self.forgotten = max(self.forgotten, last - keep)

    @rule(text=st.text(max_size=3))
    def everybody_catches_up(self, text: str) -> None:
        """A live event reaches every listener, after all that it had missed."""
        self.publish([text])
        for listener in self.attached:
            self.run(listener.catch_up(len(self.written)))

    @invariant()
    def what_listeners_saw_is_what_was_written(self) -> None:
        for listener in getattr(self, "attached", ()):
            texts = [event.event.text for event in listener.events if isinstance(event.event, TextDelta)]
            assert texts == self.written[listener.seen - len(texts) : listener.seen]

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        events = self.run(self.store.read_events(self.session_id, after_seq=0, limit=1_000_000))
        assert [event.event.text for event in events] == self.written[self.forgotten :]
        assert [event.seq for event in events] == list(range(self.forgotten + 1, len(self.written) + 1))
        self.run(self.store.close())
        self.run(self.other.close())
        self.loop.close()
        self.directory.cleanup()


TestReplay = Replay.TestCase
TestReplay.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
