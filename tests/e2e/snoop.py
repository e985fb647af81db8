"""A program that a tool starts and that looks for what it must not find. It writes down what it could reach.

Arguments: the file to write, the secret to look for, backwards, so that it does not find itself, and the folder below
which the sidecar has its socket.
"""

import fcntl
import json
import os
import re
import sys
import termios
from contextlib import suppress
from pathlib import Path

import grpc

from atmos_ai_sidecar.v1 import sidecar_service_pb2 as pb
from atmos_ai_sidecar.v1.sidecar_service_pb2_grpc import SidecarServiceStub

TOKEN = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


def readable(path: str) -> bytes | None:
    """What is in a file, or None where it may not be read."""
    try:
        with Path(path).open("rb") as stream:
            return stream.read(1 << 20)
    except OSError:
        return None


def family() -> list[int]:
    """This process's ancestors, nearest first."""
    found = []
    pid = os.getpid()
    while pid > 1:
        status = (readable(f"/proc/{pid}/status") or b"").decode()
        pid = int(next((line.split()[1] for line in status.splitlines() if line.startswith("PPid:")), "0"))
        if pid:
            found.append(pid)
    return found


def descriptors(pid: int) -> list[str]:
    """What a process's descriptors are, as far as it can be read."""
    found = []
    with suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):  # the listing's own is closed again
                found.append(str(descriptor.readlink()))
    return found


def can_type(path: str) -> str:
    """What comes of typing a character on a terminal in the place of its user."""
    try:
        terminal = os.open(path, os.O_RDWR | os.O_NOCTTY)
    except OSError as error:
        return f"not opened: {error.strerror}"
    try:
        fcntl.ioctl(terminal, termios.TIOCSTI, b"y")
    except OSError as error:
        return f"refused: {error.strerror}"
    finally:
        os.close(terminal)
    return "typed"


def with_secret(secret: bytes) -> list[str]:
    """The processes whose environment or command line says it, where they can be read."""
    return [
        (readable(f"{process}/cmdline") or b"").decode(errors="replace")
        for process in Path("/proc").glob("[0-9]*")
        if any(secret in (readable(f"{process}/{name}") or b"") for name in ("environ", "cmdline"))
    ]


def sockets(folder: str) -> list[str]:
    """The sidecars' sockets below a folder; nothing hides a socket from programs of its user."""
    lines = (readable("/proc/net/unix") or b"").decode(errors="replace").splitlines()
    paths = {line.split()[-1] for line in lines if line.endswith(".sock")}
    return sorted(path for path in paths if path.startswith(folder))


def answer(socket: str, token: str) -> str:
    """What a sidecar says to whoever has this token, or none."""
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    with grpc.insecure_channel(f"unix:{socket}") as channel:
        try:
            SidecarServiceStub(channel).GetServerInfo(pb.GetServerInfoRequest(), metadata=metadata, timeout=20)
        except grpc.RpcError as error:
            return str(error.code().name)
    return "OK"


def main(place: str, secret: str, runtime: str) -> None:
    ancestors = family()
    inherited = descriptors(os.getpid())
    own = b"\0".join([os.environb[name] for name in os.environb] + [argument.encode() for argument in sys.argv])
    files = b"".join(readable(str(path)) or b"" for path in Path().rglob("*") if path.is_file())
    tokens = sorted({match.decode() for match in TOKEN.findall(own + b"\0" + files)})
    found = sockets(runtime)
    report = {
        "uid": os.getuid(),
        "capabilities": next(
            line.split()[1]
            for line in (readable("/proc/self/status") or b"").decode().splitlines()
            if line.startswith("CapEff:")
        ),
        "environment": sorted(os.environ),
        "tokens": [match.decode() for match in TOKEN.findall(own)],
        "sockets": found,
        "answers": sorted({answer(socket, token) for socket in found for token in ("", *tokens)}),
        "descriptors": inherited,
        "session_is_its_own": not {os.getsid(0)} & {os.getsid(pid) for pid in ancestors[1:]},
        "ancestors": [
            {
                "command": (readable(f"/proc/{pid}/cmdline") or b"").decode(errors="replace").split("\0"),
                "tokens": len(TOKEN.findall(readable(f"/proc/{pid}/cmdline") or b"")),
                "environment": readable(f"/proc/{pid}/environ") is not None,
                "memory": readable(f"/proc/{pid}/maps") not in {None, b""},
                "descriptors": bool(descriptors(pid)),
            }
            for pid in ancestors
        ],
        "processes_with_the_secret": with_secret(secret.encode()[::-1]),
        "own_terminal": can_type("/dev/tty"),
        "terminals": {str(path): can_type(str(path)) for path in Path("/dev/pts").iterdir()},
    }
    Path(f"{place}.new").write_text(json.dumps(report))
    Path(f"{place}.new").rename(place)


if __name__ == "__main__":
    main(*sys.argv[1:])
