"""`serve`: from the bootstrap line to the exit code.

Exit codes: 0 ended in order · 64 usage · 65 bad bootstrap · 69 cannot bind · 70 internal · 76 protocol mismatch · 78
configuration · 128 + n signal n. Every failure is also told in the handshake line.
"""

import asyncio
import logging
import os
import secrets
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from atmos_ai_sidecar.errors import ConfigurationInvalidError, InstallationDamagedError, SidecarError
from atmos_ai_sidecar.handshake import (
    Bootstrap,
    Handshake,
    HandshakeError,
    StartError,
    format_handshake,
    parse_bootstrap,
)
from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.sidecar.directory import DirectoryError, remove_directory, socket_path_in
from atmos_ai_sidecar.sidecar.ending import End, Ending
from atmos_ai_sidecar.sidecar.lag import watch_lag
from atmos_ai_sidecar.sidecar.life_line import watch_life_line, watch_parent
from atmos_ai_sidecar.sidecar.privacy import hide_process, keep_files_private
from atmos_ai_sidecar.sidecar.streams import Streams, read_line, write_all
from atmos_ai_sidecar.sidecar.warm import WarmState, claim, leave_parent

_LOG = logging.getLogger(__name__)

EXIT_USAGE: Final = 64
EXIT_BOOTSTRAP: Final = 65
EXIT_UNAVAILABLE: Final = 69
EXIT_INTERNAL: Final = 70
EXIT_PROTOCOL: Final = 76
EXIT_CONFIGURATION: Final = 78

PARENT_GONE_GRACE_SECONDS: Final = 0.5
"""Nobody is left to hear an answer, and everything shall be gone a second after the parent."""
SIGNAL_GRACE_SECONDS: Final = 2.0
"""Whoever sends SIGTERM sends SIGKILL 3 s later."""

_PACKAGE: Final = Path(__file__).parent.parent / "__init__.py"
"""There for as long as the package is installed."""

_PARENT_GONE: Final = End(why="the parent is gone", grace_seconds=PARENT_GONE_GRACE_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What a server is started with."""

    socket_path: str
    token: str
    """The owner's."""
    request_shutdown: Callable[[float], None]
    """Asks for the end with that many seconds for running calls; returns at once. On the loop's thread."""


class RunningSidecar(Protocol):
    """A server that answers on its socket."""

    @property
    def instance_id(self) -> str: ...

    @property
    def server_version(self) -> str: ...

    @property
    def capabilities(self) -> Sequence[str]: ...

    @property
    def client_token(self) -> str:
        """A token with the client role."""

    async def wait_unused(self, seconds: float) -> None:
        """Returns when nobody has called and no turn has run for so long."""

    async def stop(self, grace_seconds: float) -> None:
        """Ends it in order, with everything that it opened; running calls get that long."""


class StartSidecar(Protocol):
    """Starts a server."""

    async def __call__(self, launch: Launch) -> RunningSidecar:
        """Returns when the socket can be dialled.

        Raises:
            SidecarError: It cannot be started, for a reason to tell.
            OSError: The socket cannot be bound.
        """


class _StartError(Exception):
    """The sidecar does not start: what the parent is told, and the exit code."""

    def __init__(self, answer: StartError, exit_code: int) -> None:
        super().__init__(answer.message)
        self.answer = answer
        self.exit_code = exit_code


def serve(arguments: Sequence[str], streams: Streams, load: Callable[[], StartSidecar]) -> int:
    """Serves until the parent is gone or somebody asks for the end.

    Args:
        arguments: What stands behind ``serve``; there may be nothing.
        streams: The standard streams, claimed before anything else was imported.
        load: Imports what starts the server; called when the bootstrap line is read.

    Returns:
        The exit code.
    """
    try:
        _refuse(arguments)
        bootstrap = _read_bootstrap(streams)
        _configure_log(bootstrap.log_level)
        keep_files_private()
        hide_process()
        socket_path = _socket_path(Path(bootstrap.socket_directory))
        try:
            return asyncio.run(_run(streams, bootstrap, socket_path, load))
        finally:
            remove_directory(socket_path.parent)
    except _StartError as failure:
        _tell(streams, failure.answer)
        return failure.exit_code
    except Exception as error:  # noqa: BLE001 - the outermost frame
        if damage := InstallationDamagedError.told_by(error):
            _LOG.debug("not every module can be imported", exc_info=error)
            _tell(streams, StartError(reason=damage.reason, message=str(damage), metadata={}))
            return EXIT_INTERNAL
        error_id = secrets.token_hex(8)
        _LOG.exception("internal error %s", error_id)
        message = f"The sidecar could not start (error {error_id}). Its log has the details."
        _tell(streams, StartError(reason="INTERNAL_ERROR", message=message, metadata={"error_id": error_id}))
        return EXIT_INTERNAL


def _refuse(arguments: Sequence[str]) -> None:
    if arguments:
        raise _refused("INVALID_FIELD", f"`serve` takes no arguments, but got {arguments[0]!r}", EXIT_USAGE)


def _read_bootstrap(streams: Streams) -> Bootstrap:
    try:
        return parse_bootstrap(read_line(streams.life_line))
    except HandshakeError as error:
        exit_code = EXIT_PROTOCOL if error.reason == "PROTOCOL_MISMATCH" else EXIT_BOOTSTRAP
        raise _refused(error.reason, str(error), exit_code) from error


async def _run(streams: Streams, bootstrap: Bootstrap, socket_path: Path, load: Callable[[], StartSidecar]) -> int:
    ending = Ending(last_act=partial(remove_directory, socket_path.parent))
    warm = claim(bootstrap.warm) if bootstrap.warm else None
    if warm is None:
        watch_life_line(streams.life_line, partial(ending.ask, _PARENT_GONE))
        watch_parent(streams.parent_pid, partial(ending.ask, _PARENT_GONE))
    _listen_to_signals(ending)
    launch = Launch(
        socket_path=str(socket_path),
        token=bootstrap.token,
        request_shutdown=lambda grace: ending.ask(End(why="a client asked for it", grace_seconds=grace)),
    )
    sidecar = await _start(load, launch)
    answer = _handshake(sidecar, launch)
    if warm is not None:
        warm.announce(answer, launch.token)
    try:
        write_all(streams.handshake, format_handshake(answer))
    except BrokenPipeError:
        ending.ask(_PARENT_GONE)
    lag = asyncio.create_task(watch_lag(), name="lag")
    end = await (ending.wait() if warm is None else _stay(warm, streams, sidecar, ending))
    lag.cancel()
    await sidecar.stop(end.grace_seconds)
    ending.leave(end.exit_code)
    return end.exit_code


async def _stay(warm: WarmState, streams: Streams, sidecar: RunningSidecar, ending: Ending) -> End:
    """Serves run after run, until nobody has called for long enough or nobody can find us any more."""
    os.close(streams.handshake)
    leave_parent(warm.path.with_suffix(".log"))

    async def unused() -> None:
        await sidecar.wait_unused(warm.warm.idle_seconds)
        ending.ask(End(why="nobody has called for a while", grace_seconds=SIGNAL_GRACE_SECONDS))

    async def lost() -> None:
        await warm.wait_lost(_PACKAGE)
        await sidecar.wait_unused(0)
        ending.ask(End(why="its lock or its installation was removed", grace_seconds=SIGNAL_GRACE_SECONDS))

    watches = [asyncio.create_task(unused(), name="unused"), asyncio.create_task(lost(), name="lock")]
    try:
        return await ending.wait()
    finally:
        warm.release()  # before the end: whoever comes now starts another one
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)


async def _start(load: Callable[[], StartSidecar], launch: Launch) -> RunningSidecar:
    try:
        return await load()(launch)
    except ConfigurationInvalidError as error:
        raise _refused(error.reason, str(error), EXIT_CONFIGURATION, **error.metadata) from error
    except SidecarError as error:
        raise _refused(error.reason, str(error), EXIT_INTERNAL, **error.metadata) from error
    except OSError as error:
        message = f"The socket {launch.socket_path} cannot be bound: {error}"
        raise _refused("SOCKET_UNAVAILABLE", message, EXIT_UNAVAILABLE, path=launch.socket_path) from error


def _socket_path(directory: Path) -> Path:
    try:
        return socket_path_in(directory)
    except DirectoryError as error:
        raise _refused("SOCKET_UNAVAILABLE", str(error), EXIT_UNAVAILABLE, path=str(directory)) from error


def _handshake(sidecar: RunningSidecar, launch: Launch) -> Handshake:
    return Handshake(
        address=f"unix://{launch.socket_path}",
        instance_id=sidecar.instance_id,
        pid=os.getpid(),
        server_version=sidecar.server_version,
        capabilities=sidecar.capabilities,
    )


def _listen_to_signals(ending: Ending) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        end = End(why=f"signal {number.name}", grace_seconds=SIGNAL_GRACE_SECONDS, exit_code=128 + number)
        loop.add_signal_handler(number, ending.ask, end)


def _configure_log(level: str) -> None:
    logging.basicConfig(
        stream=sys.stderr, level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    for handler in logging.getLogger().handlers:
        handler.setLevel(level.upper())  # the project's log has a level of its own


def _refused(reason: str, message: str, exit_code: int, **metadata: str) -> _StartError:
    return _StartError(StartError(reason=reason, message=message, metadata=metadata), exit_code)


def _tell(streams: Streams, answer: StartError) -> None:
    """The parent gets the handshake line, and whoever reads the log the same words."""
    sys.stderr.write(f"atmos-ai-sidecar: {answer.message}\n")
    try:
        write_all(streams.handshake, format_handshake(answer))
    except BrokenPipeError:
        return
