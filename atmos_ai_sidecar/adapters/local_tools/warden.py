"""The warden: a small process that one tool program runs under, and that outlives whoever started it.

Run as a script, `python -I -S warden.py`, never imported by the sidecar: every tool call pays for its start, so it is
standard library only and leaves out what is slow to load (json, signal and subprocess would double the time).

On descriptor 0 is a socket. Over it comes a decimal length, a line feed and that many bytes of `marshal` (both ends
are the same interpreter): a dictionary with `arguments`, `directory`, `environment`, `umask`, `is_killable` and
`ladder` (seconds to wait after SIGINT and after SIGTERM); perhaps `input`, an inherited descriptor that the program
reads instead of nothing. Then perhaps the word `stop`. Back goes one line of JSON when
the program has ended or could not be started. The program's output passes through to descriptors 1 and 2; when they
are closed at the other end it is thrown away, so that the program never gets SIGPIPE because the sidecar is gone.

Guarantees:
* A killable program (one that reads or plans) and all its descendants, also those that left its session, are ended by
  SIGINT, SIGTERM and SIGKILL when `stop` comes or the socket closes. When it ends by itself, what it left behind is
  ended the same way, after its end was reported.
* Any other program gets one SIGINT on `stop`, nothing when the socket closes, and is awaited for as long as it takes.
  SIGUSR1 to the warden is the order to end it all the same: SIGTERM, and SIGKILL if that does not help.
* Where `record` names a file, it says from before the program starts until somebody removes it what became of the
  program: see `Record`. That is how its outcome is known when whoever started it is gone.
* The warden ends when nothing is left of the program. It ignores SIGINT, SIGTERM and SIGHUP for that.

On Linux it is a subreaper, so orphans become its own children and "nothing is left" is the kernel's word. Elsewhere
orphans are known by the session's process group, and one that left both session and parent escapes.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # the module `signal` around it costs a third of the start
import errno
import fcntl
import marshal
import os
import select
import sys
import time

TYPE_CHECKING = False  # `typing` itself is slow to load
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

IS_LINUX = sys.platform == "linux"
SIGHUP, SIGINT, SIGQUIT, SIGKILL, SIGPIPE, SIGTERM = 1, 2, 3, 9, 13, 15

CHUNK_BYTES = 65_536
MAX_WAITING_BYTES = 1_048_576
RESCAN_SECONDS = 0.1
TAIL_BYTES = 16_384
"""Of each output, kept for a record that nobody listens to."""

PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36


class Record:
    """A file about one program, locked (flock) for as long as the warden lives, so that its death shows.

    Its lines: what the sidecar wants to know later, as it came; the warden's process id; the program's; when that has
    ended, its exit code, the time, and how many bytes of its last output and of its last errors follow, which are none
    if somebody was there to get them.
    """

    def __init__(self, path: str, header: bytes) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        os.write(self._descriptor, b"%b\n%d\n" % (header, os.getpid()))

    def note_start(self, pid: int) -> None:
        os.write(self._descriptor, b"%d\n" % pid)

    def note_end(self, exit_code: int, stdout: bytes, stderr: bytes) -> None:
        ending = b"%d %d %d %d\n" % (exit_code, int(time.time()), len(stdout), len(stderr))
        try:
            os.write(self._descriptor, ending + stdout + stderr)
        except OSError:  # no space: the end stays unknown
            return

    def drop(self) -> None:
        os.unlink(self._path)  # noqa: PTH108 - pathlib is slow to load


class Channel:
    """One output of the program on its way to the sidecar."""

    def __init__(self, source: int, target: int) -> None:
        self.source = source
        self.target = target
        self.waiting = b""
        self.tail = b""
        self.is_open = True
        os.set_blocking(source, False)
        os.set_blocking(target, False)

    def read(self) -> bool:
        """Takes what is there, once; False when there is nothing now or nothing more."""
        try:
            data = os.read(self.source, CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self.is_open = False
            return False
        self.tail = (self.tail + data)[-TAIL_BYTES:]
        if self.target >= 0:
            self.waiting += data
        return True

    def write(self) -> None:
        """Passes on what the sidecar takes."""
        try:
            self.waiting = self.waiting[os.write(self.target, self.waiting) :]
        except BlockingIOError:
            pass
        except OSError:  # nobody reads any more
            self.abandon()

    def abandon(self) -> None:
        """Drops what waits and all that comes."""
        self.waiting = b""
        if self.target >= 0:
            os.close(self.target)
            self.target = -1


class Warden:
    """Runs one program to its end and beyond."""

    def __init__(self, program: dict[str, Any]) -> None:
        self._program = program
        self._is_killable = program["is_killable"]
        self._exit_code: int | None = None
        self._has_reported = False
        self._was_interrupted = False
        self._control_is_open = True
        self._rungs: list[tuple[int, float]] = []
        self._next_rung_time = 0.0
        self._wake = _wake_on_child()
        self._must_end = False
        signal.signal(signal.SIGUSR1, self._hear)
        self._record = open_record(program)
        self._child, self._channels = start(program, self._record)

    def run(self) -> None:
        """Returns when nothing is left of the program."""
        while self._reap():
            self._report_end()
            self._climb()
            self._exchange()
        for channel in self._channels:
            while channel.read():
                pass
        while not self._has_reported and any(channel.waiting for channel in self._channels):
            self._exchange()
        self._report_end(is_last=True)

    def _reap(self) -> bool:
        """Takes up children that have ended; False when there are no more."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return bool(descendants(self._child)) if not IS_LINUX else False
            if pid == 0:
                return True
            if pid == self._child:
                code = os.waitstatus_to_exitcode(status)
                self._exit_code = code if code >= 0 else 128 - code
                for channel in self._channels:
                    for _ in range(MAX_WAITING_BYTES // CHUNK_BYTES):
                        if not channel.read():
                            break

    def _report_end(self, *, is_last: bool = False) -> None:
        """Reports the end of the program itself once its output has been passed on; then ends what it left."""
        if self._has_reported or self._exit_code is None:
            return
        if not is_last and any(channel.waiting for channel in self._channels):
            return
        self._has_reported = True
        if self._record is not None:
            is_heard = self._control_is_open
            self._record.note_end(self._exit_code, *(b"" if is_heard else channel.tail for channel in self._channels))
        for channel in self._channels:
            channel.abandon()
        report(f'{{"exit_code": {self._exit_code}}}')
        if self._is_killable:
            self._start_ladder()

    def _hear(self, _number: int, _frame: object) -> None:
        self._must_end = True

    def _start_ladder(self) -> None:
        if not self._rungs and not self._next_rung_time:
            first, second = self._program["ladder"]
            self._rungs = [(SIGINT, first), (SIGTERM, second), (SIGKILL, RESCAN_SECONDS)]
            self._next_rung_time = time.monotonic()

    def _climb(self) -> None:
        """Sends the ladder's next signal when it is due; SIGKILL again and again, because programs fork."""
        if self._must_end and not self._next_rung_time:
            self._rungs = [(SIGTERM, self._program["ladder"][1]), (SIGKILL, RESCAN_SECONDS)]
            self._next_rung_time = time.monotonic()
        if not self._rungs or time.monotonic() < self._next_rung_time:
            return
        number, seconds = self._rungs[0]
        if number != SIGKILL:
            self._rungs.pop(0)
        send(number, descendants(self._child))
        self._next_rung_time = time.monotonic() + seconds

    def _exchange(self) -> None:
        """Waits for something to do, and passes output and orders on."""
        readable = [self._wake]
        if self._control_is_open:
            readable.append(0)
        writable = []
        for channel in self._channels:
            if channel.is_open and len(channel.waiting) < MAX_WAITING_BYTES:
                readable.append(channel.source)
            if channel.waiting:
                writable.append(channel.target)
        ready, takers, _ = select.select(readable, writable, [], self._timeout())
        if self._wake in ready:
            os.read(self._wake, CHUNK_BYTES)
        for channel in self._channels:
            if channel.source in ready:
                channel.read()
            if channel.target in takers:
                channel.write()
        if 0 in ready:
            self._obey()

    def _timeout(self) -> float | None:
        if self._rungs:
            return max(0.0, self._next_rung_time - time.monotonic())
        return None if IS_LINUX else RESCAN_SECONDS

    def _obey(self) -> None:
        try:
            order = os.read(0, CHUNK_BYTES)
        except OSError:
            order = b""
        if not order:
            self._control_is_open = False
        if self._is_killable:
            self._start_ladder()
        elif order and not self._was_interrupted:
            self._was_interrupted = True
            send(SIGINT, descendants(self._child))


def open_record(program: dict[str, Any]) -> Record | None:
    """The program's record, if it shall have one; a program whose end could not be told is not started."""
    if not program.get("record"):
        return None
    try:
        return Record(program["record"], program["header"])
    except OSError as error:
        report(f'{{"errno": {error.errno}}}')
        sys.exit(0)


def start(program: dict[str, Any], record: Record | None) -> tuple[int, list[Channel]]:
    """Starts the program in a session of its own, or reports why that failed and exits."""
    pipes = [os.pipe(), os.pipe()]
    failure_source, failure_target = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            become(program, [target for _, target in pipes])
        except OSError as error:
            os.write(failure_target, str(error.errno).encode())
        finally:
            os._exit(127)
    os.close(failure_target)
    for _, target in pipes:
        os.close(target)
    if "input" in program:
        os.close(program["input"])
    number = os.read(failure_source, 16)
    os.close(failure_source)
    if number:
        os.waitpid(child, 0)
        if record is not None:
            record.drop()
        report(f'{{"errno": {int(number)}}}')
        sys.exit(0)
    if record is not None:
        record.note_start(child)
    return child, [Channel(source, target) for (source, _), target in zip(pipes, (1, 2), strict=True)]


def become(program: dict[str, Any], outputs: list[int]) -> None:
    """Turns this process into the program; every other descriptor of the warden closes by itself."""
    os.setsid()
    for number in (SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, signal.SIGCHLD, signal.SIGXFSZ, signal.SIGUSR1):
        signal.signal(number, signal.SIG_DFL)
    if "input" in program:
        os.set_inheritable(program["input"], False)
        os.dup2(program["input"], 0)
    else:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, output in enumerate(outputs, start=1):
        os.dup2(output, number)
    os.chdir(program["directory"])
    os.umask(program["umask"])
    arguments = program["arguments"]
    os.execve(arguments[0], arguments, program["environment"])  # noqa: S606 - never through a shell


def descendants(child: int) -> list[int]:
    """The living descendants of this process, and elsewhere than on Linux also the program's process group."""
    relations = list(processes())
    found = {os.getpid()} if IS_LINUX else {os.getpid(), *(pid for pid, _, group in relations if group == child)}
    grows = True
    while grows:
        more = {pid for pid, parent, _ in relations if parent in found} - found
        grows = bool(more)
        found |= more
    return sorted(found - {os.getpid()})


def processes() -> Iterator[tuple[int, int, int]]:
    """(pid, parent, process group) of every process that is no zombie."""
    for pid, state, parent, group in _linux_processes() if IS_LINUX else _other_processes():
        if not state.startswith("Z"):
            yield int(pid), int(parent), int(group)


def _linux_processes() -> Iterator[tuple[str, str, str, str]]:
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib is slow to load
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - pathlib is slow to load
                    state, parent, group = file.read().decode("latin-1").rpartition(")")[2].split()[:3]
            except OSError:  # it ended meanwhile
                continue
            yield name, state, parent, group


def _other_processes() -> Iterator[tuple[str, str, str, str]]:
    with os.popen("/bin/ps -A -o pid=,state=,ppid=,pgid=") as lines:  # noqa: S605 - a constant
        for line in lines:
            pid, state, parent, group = line.split()
            yield pid, state, parent, group


def send(number: int, pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError as error:
            if error.errno not in (errno.ESRCH, errno.EPERM):
                raise


def report(line: str) -> None:
    """Tells the sidecar, if it still listens."""
    try:
        os.write(0, f"{line}\n".encode())
    except OSError:
        return


def _wake_on_child() -> int:
    """A descriptor that becomes readable when a child ends."""
    source, target = os.pipe()
    os.set_blocking(source, False)
    os.set_blocking(target, False)
    signal.set_wakeup_fd(target, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    return source


def protect() -> None:
    """Keeps the environment in this process's memory from the program, and orphans of the program as children."""
    for number in (SIGHUP, SIGINT, SIGQUIT, SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    if IS_LINUX:
        import ctypes  # noqa: PLC0415 - only here, and slow to load

        library = ctypes.CDLL(None, use_errno=True)
        library.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        if library.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "cannot become the subreaper")


def receive() -> dict[str, Any] | None:
    """The program to run; None when the sidecar went away before it had said everything."""
    data = b""
    length = None
    while length is None or len(data) < length:
        more = os.read(0, CHUNK_BYTES)
        if not more:
            return None
        data += more
        if length is None and b"\n" in data:
            number, _, data = data.partition(b"\n")
            length = int(number)
    return dict(marshal.loads(data))  # noqa: S302 - from our own parent, over its own socket


def main() -> None:
    protect()
    program = receive()
    if program is not None:
        Warden(program).run()


if __name__ == "__main__":
    main()
