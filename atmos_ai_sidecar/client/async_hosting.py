"""Hosting tools for the async client: a task for the stream, and one for every call."""

import asyncio
import inspect
from collections.abc import Sequence
from typing import Any, Self, cast

from grpc import aio

from atmos_ai_sidecar.client import hosted
from atmos_ai_sidecar.client.failures import call_failure

_EOF: Any = cast("Any", aio).EOF


class AsyncHosting:
    """Tools that are hosted by an ``AsyncClient``, from ``AsyncClient.hosting``."""

    def __init__(self, call: Any, host_name: str, tools: Sequence[hosted.HostedTool]) -> None:
        """Serves the stream on which the tools are registered; see ``start``."""
        self._call = call
        self._tools = {tool.name: tool for tool in tools}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._writing = asyncio.Lock()
        self._serving = asyncio.create_task(self._serve(), name=f"tools of {host_name}")

    @classmethod
    async def start(cls, stub: Any, metadata: Any, host_name: str, tools: Sequence[hosted.HostedTool]) -> Self:
        """Registers the tools.

        Raises:
            CallFailedError: They were not registered, for example because a name is taken.
        """
        call = stub.HostTools(metadata=metadata)
        try:
            await call.write(hosted.registration(host_name, tools))
            await call.read()
        except aio.AioRpcError as error:
            raise call_failure(error) from error
        return cls(call, host_name, tools)

    async def wait(self) -> None:
        """Waits for the end of the hosting, for a program that does nothing else.

        Raises:
            CallFailedError: The sidecar has gone, or ended the stream: the tools are not hosted any more.
        """
        await asyncio.wait((self._serving,))
        try:
            self._serving.result()
        except aio.AioRpcError as error:
            raise call_failure(error) from error

    async def stop(self) -> None:
        """Takes the tools back, and cancels the calls that run."""
        self._serving.cancel()
        await asyncio.gather(self._serving, return_exceptions=True)
        self._call.cancel()

    async def _serve(self) -> None:
        """Returns when the stream has ended, and ends it when it cannot go on."""
        try:
            while (event := await self._call.read()) is not _EOF:
                if event.WhichOneof("event") == "call":
                    self._running[event.call.call_id] = asyncio.create_task(self._run(event.call))
                elif running := self._running.get(event.cancel.call_id):
                    running.cancel()
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)
            self._call.cancel()

    async def _run(self, call: Any) -> None:
        try:
            output = self._tools[call.tool_call.name].run(hosted.input_of(call))
            done = hosted.result(call.call_id, output=str(await output if inspect.isawaitable(output) else output))
        except Exception as error:  # noqa: BLE001 - the outermost frame of code that others wrote
            done = hosted.failed(call.call_id, error)
        finally:
            del self._running[call.call_id]
        async with self._writing:
            await self._call.write(done)
