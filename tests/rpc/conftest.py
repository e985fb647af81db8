import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from grpc import aio

from tests.rpc.world import World, running_world


@pytest.fixture
def socket_directory() -> Iterator[Path]:
    """A private folder with a path that is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="aa") as folder:
        yield Path(folder)


@pytest.fixture
async def world(socket_directory: Path) -> AsyncIterator[World]:
    async with running_world(socket_directory) as world:
        yield world


@pytest.fixture
async def channel(world: World) -> AsyncIterator[aio.Channel]:
    options = (("grpc.max_receive_message_length", 16 << 20), ("grpc.max_send_message_length", 32 << 20))
    async with aio.insecure_channel(f"unix:{world.socket_path}", options=options) as channel:
        yield channel
