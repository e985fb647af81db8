"""`sidecar run`: a sidecar for debugging, on a terminal of its own."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from atmos_ai_sidecar.application.approvals import Approvals
from atmos_ai_sidecar.application.ports.console import Console
from atmos_ai_sidecar.errors import StorageUnavailableError
from atmos_ai_sidecar.sidecar.attendant import attend
from atmos_ai_sidecar.sidecar.directory import DirectoryError, make_directory, remove_directory, socket_path_in
from atmos_ai_sidecar.sidecar.serve import Launch, RunningSidecar, StartSidecar

GRACE_SECONDS: Final = 2.0


async def run_foreground(console: Console, role: str, start: StartSidecar, approvals: Approvals) -> int:
    """Serves until somebody asks for the end, and prints how to call it.

    The person at the console is a prompter: questions of calls over the socket are asked there. Cancelling it ends the
    sidecar in order.

    Args:
        console: Where to print and ask.
        role: Of the token that is printed: "client", or the owner's.
        start: Starts the server.
        approvals: Where its questions come from.

    Returns:
        The exit code.
    """
    asked = asyncio.Event()
    async with _started(start, lambda _grace: asked.set()) as (sidecar, launch):
        token = sidecar.client_token if role == "client" else launch.token
        console.write(instructions(launch.socket_path, token).encode())
        async with asyncio.TaskGroup() as tasks:
            person = tasks.create_task(attend(approvals, console)) if console.stdin_is_terminal else None
            await asked.wait()
            if person is not None:
                person.cancel()
    return 0


def instructions(socket_path: str, token: str) -> str:
    """What to paste into a shell. The token goes through the environment, so that no argument list shows it."""
    return (
        f"export ATMOS_AI_TOKEN={token}\n"
        "grpcurl -plaintext -unix -expand-headers -H 'authorization: Bearer ${ATMOS_AI_TOKEN}' "
        f"{socket_path} atmos_ai_sidecar.v1.SessionService/ListSessions\n"
    )


@asynccontextmanager
async def _started(
    start: StartSidecar, request_shutdown: Callable[[float], None]
) -> AsyncIterator[tuple[RunningSidecar, Launch]]:
    """A server in a directory of its own; both are gone when the context ends."""
    try:
        directory = make_directory()
    except DirectoryError as error:
        raise StorageUnavailableError(f"{error}.") from error
    try:
        launch = Launch(
            socket_path=str(socket_path_in(directory)),
            token=secrets.token_hex(32),
            request_shutdown=request_shutdown,
        )
        sidecar = await start(launch)
        try:
            yield sidecar, launch
        finally:
            await asyncio.shield(sidecar.stop(GRACE_SECONDS))
    finally:
        remove_directory(directory)
