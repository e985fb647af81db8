"""TerminalService: one command on the caller's terminal, from its start to its exit code."""

import asyncio
import logging
import secrets
from collections.abc import Sequence
from typing import Any, Final

from atmos_ai_sidecar.errors import UnsupportedEventError
from atmos_ai_sidecar.rpc.departure import Departure
from atmos_ai_sidecar.rpc.grpc_types import Context
from atmos_ai_sidecar.rpc.parts import ServerParts
from atmos_ai_sidecar.rpc.remote_console import SIGNALS, RemoteConsole
from atmos_ai_sidecar.rpc.sending import Sender
from atmos_ai_sidecar.rpc.streams import first_event, next_event

_LOG = logging.getLogger(__name__)
EXIT_ERROR: Final = 1


class TerminalService:
    """Runs commands; a caller that goes away ends its command."""

    def __init__(self, parts: ServerParts, departure: Departure) -> None:
        self._parts = parts
        self._departure = departure

    async def run(self, _requests: object, context: Context) -> None:
        start = (await first_event(context, self._parts.clock, "start")).start
        run = _Run(self._parts, start)
        async with Sender(context) as sender:
            await run.drive(context, sender, self._departure)


class _Run:
    """One run: a task for the command, one that writes, one that reads, and one that waits for the server's end."""

    def __init__(self, parts: ServerParts, start: Any) -> None:
        self._parts = parts
        self._console = RemoteConsole(start, run_id=secrets.token_hex(16), interrupt=self._interrupt)
        self._arguments = parts.resume_command(start.resume_token) if start.resume_token else tuple(start.arguments)
        self._command: asyncio.Task[int] | None = None
        self._interrupted_by = ""

    async def drive(self, context: Context, sender: Sender, departure: Departure) -> None:
        """Returns when the exit code is sent or the caller has gone."""
        async with asyncio.TaskGroup() as tasks:
            self._command = tasks.create_task(self._run_command(self._arguments), name="command")
            helpers = (
                tasks.create_task(self._receive(context), name="terminal input"),
                tasks.create_task(self._leave(departure), name="terminal departure"),
            )
            writer = tasks.create_task(self._send(sender), name="terminal output")
            await asyncio.wait({self._command})
            self._console.finish(self._exit_code(self._command))
            await writer
            for helper in helpers:
                helper.cancel()

    async def _run_command(self, arguments: Sequence[str]) -> int:
        try:
            return await self._parts.run_command(arguments, self._console)
        except (Exception, SystemExit):  # noqa: BLE001 - the outermost frame of a command
            error_id = secrets.token_hex(8)
            _LOG.exception("internal error %s in a command", error_id)
            message = f"Error: something in the assistant broke (error {error_id}). Its log has the details.\r\n"
            self._console.write_error(message.encode())
            return EXIT_ERROR

    def _exit_code(self, command: "asyncio.Task[int]") -> int:
        if command.cancelled():
            return 128 + SIGNALS.get(self._interrupted_by, SIGNALS["TERM"])
        return command.result()

    async def _send(self, sender: Sender) -> None:
        if not await self._console.send_all(sender.send) and self._command is not None:
            self._command.cancel()

    async def _receive(self, context: Context) -> None:
        while (request := await next_event(context)) is not None:
            if request.WhichOneof("event") == "start":
                raise UnsupportedEventError("start")
            self._console.receive(request)
        self._console.end_input()

    async def _leave(self, departure: Departure) -> None:
        await departure.wait_begun()
        self._console.receive_signal("TERM")

    def _interrupt(self, signal: str) -> None:
        self._interrupted_by = self._interrupted_by or signal
        if self._command is not None:
            self._command.cancel()
