"""What grpc.aio can do at best: a server without interceptors, tokens or protobuf. It ends with its input."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio

STREAMED = 20_000
"""How many messages the stream sends."""


async def _unary(request: bytes, _context: Any) -> bytes:
    return request


async def _stream(request: bytes, _context: Any) -> AsyncIterator[bytes]:
    for _ in range(STREAMED):
        yield request


async def main() -> None:
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(_unary),
        "Stream": grpc.unary_stream_rpc_method_handler(_stream),
    }
    with tempfile.TemporaryDirectory(prefix="e") as folder:
        address = f"unix://{Path(folder, 's')}"
        server = grpc.aio.server()
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("bench.Echo", handlers)])
        server.add_insecure_port(address)
        await server.start()
        sys.stdout.write(address + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        await server.stop(None)


if __name__ == "__main__":
    asyncio.run(main())
