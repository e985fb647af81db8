"""Runs the offline model on a free port of loopback, inside the running event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn

from atmos_ai_sidecar.demo.offline_model.app import Conversations, build_app
from atmos_ai_sidecar.demo.offline_model.playback import ReceivedRequest
from atmos_ai_sidecar.demo.offline_model.replies import Script

__all__ = ["OfflineModel", "ReceivedRequest", "offline_model"]


class OfflineModel:
    """A running offline model."""

    def __init__(self, url: str, conversations: Conversations) -> None:
        self.url = url
        """What `ANTHROPIC_BASE_URL` has to be."""

        self._conversations = conversations

    @property
    def requests(self) -> list[ReceivedRequest]:
        """Every request to the API so far, refused ones too, oldest first."""
        return self._conversations.requests

    @property
    def script(self) -> Script:
        """The answers that are left; more can be added."""
        return self._conversations.script

    def gate(self, name: str) -> asyncio.Event:
        """Return the event that `WaitFor(name)` waits for."""
        return self._conversations.gate(name)

    async def wait_for_request(self, index: int) -> ReceivedRequest:
        """Return the request with this index, as soon as it has arrived."""
        return await self._conversations.wait_for_request(index)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, and with an event for having started."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.has_started = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.has_started.set()


@asynccontextmanager
async def offline_model(
    script: Script | None = None, *, piece_delay_seconds: float = 0.0
) -> AsyncIterator[OfflineModel]:
    """Serve until the block ends; then every connection is closed and nothing is left running.

    Args:
        script: What to answer; left out, the rules answer.
        piece_delay_seconds: The pause after each piece of a stream, so that people see it stream.
    """
    conversations = Conversations(Script(then="rules") if script is None else script, piece_delay_seconds)
    config = uvicorn.Config(
        build_app(conversations),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",  # cutting a connection on purpose is no error to report
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    server = _Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # No task group: it would wrap what is raised in the block, and callers tell our errors by their class.
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await server.has_started.wait()
            yield OfflineModel(f"http://127.0.0.1:{listener.getsockname()[1]}", conversations)
        finally:
            conversations.stopping.set()
            server.should_exit = True
            await serving
