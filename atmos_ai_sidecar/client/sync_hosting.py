"""Hosting tools for the sync client: a thread for the stream, and one for every call."""

import queue
import threading
from collections.abc import Sequence
from typing import Any

import grpc

from atmos_ai_sidecar.client import hosted
from atmos_ai_sidecar.client.failures import CallFailedError, call_failure

_STOP_SECONDS = 30.0


class Hosting:
    """Tools that are hosted by a ``Client``, from ``Client.hosting``."""

    def __init__(self, stub: Any, metadata: Any, host_name: str, tools: Sequence[hosted.HostedTool]) -> None:
        """Registers the tools.

        Raises:
            CallFailedError: They were not registered, for example because a name is taken.
        """
        self._tools = {tool.name: tool for tool in tools}
        self._outgoing: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._outgoing.put(hosted.registration(host_name, tools))
        self._failure: CallFailedError | None = None
        self._call = stub.HostTools(iter(self._outgoing.get, None), metadata=metadata)
        try:
            next(self._call)
        except grpc.RpcError as error:
            self._outgoing.put(None)
            raise call_failure(error) from error
        self._serving = threading.Thread(target=self._serve, name=f"tools of {host_name}", daemon=True)
        self._serving.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits for the end of the hosting, for a program that does nothing else.

        Returns:
            Whether it has ended in order; False when the time is over first.

        Raises:
            CallFailedError: The sidecar has gone, or ended the stream: the tools are not hosted any more.
        """
        self._serving.join(timeout)
        if self._serving.is_alive():
            return False
        if self._failure is not None:
            raise self._failure
        return True

    def stop(self) -> None:
        """Takes the tools back. Calls that run have failed for the model, and go on here."""
        self._outgoing.put(None)
        self._serving.join(_STOP_SECONDS)
        self._call.cancel()

    def _serve(self) -> None:
        """Runs what is asked for until the stream ends. The result of a call that is taken back no longer counts."""
        try:
            for event in self._call:
                if event.WhichOneof("event") == "call":
                    threading.Thread(target=self._run, args=(event.call,), daemon=True).start()
        except grpc.RpcError as error:
            self._failure = call_failure(error)
        finally:
            self._outgoing.put(None)

    def _run(self, call: Any) -> None:
        try:
            output = self._tools[call.tool_call.name].run(hosted.input_of(call))
            self._outgoing.put(hosted.result(call.call_id, output=str(output)))
        except Exception as error:  # noqa: BLE001 - the outermost frame of code that others wrote
            self._outgoing.put(hosted.failed(call.call_id, error))
