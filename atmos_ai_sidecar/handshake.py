"""The two lines that start a sidecar: bootstrap (shim to sidecar) and handshake (sidecar to shim).

Pure and stdlib only, so that launcher, server and client share one definition. Both lines are JSON objects whose
unknown keys are ignored; everything that may grow lives inside the JSON.

Bootstrap, one line on the sidecar's stdin::

    {"magic": "atmos-ai-sidecar", "protocol_versions": [1], "token": "<64 hex digits>",
     "socket_directory": "/run/…", "parent_pid": 4711, "client_name": "atmos-ai", "client_version": "0.1.0",
     "log_level": "warning",
     "warm": {"idle_seconds": 600, "directory": "/run/…", "name": "3f…", "project": "/home/…"}}

``warm`` is missing for a sidecar that ends with its parent.

Handshake, one line on the sidecar's stdout::

    ATMOS-AI-SIDECAR|1|{"protocol_version": 1, "address": "unix:///…/s.sock", "instance_id": "…", "pid": 4712, …}
    ATMOS-AI-SIDECAR|1|{"error": {"reason": "…", "message": "…", "metadata": {}}}
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

MAGIC: Final = "atmos-ai-sidecar"
PREFIX: Final = "ATMOS-AI-SIDECAR|1|"
PROTOCOL_VERSION: Final = 1
MAX_LINE_BYTES: Final = 64 * 1024
MAX_NOISE_LINES: Final = 64
MAX_IDLE_SECONDS: Final = 7 * 24 * 3600
_NAME = re.compile(r"[0-9a-f]{8,64}")
_TOKEN = re.compile(r"[0-9a-f]{64}")
_LOG_LEVELS = ("debug", "info", "warning", "error")


class HandshakeError(Exception):
    """A line that is not what it must be; ``reason`` is INVALID_FIELD or PROTOCOL_MISMATCH."""

    def __init__(self, message: str, *, reason: str = "INVALID_FIELD") -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Warm:
    """That the sidecar stays for later runs, and where it leaves word of itself."""

    idle_seconds: float
    """How long it stays without a call."""
    directory: str
    """An existing directory with mode 0700, shared by the warm sidecars of one user."""
    name: str
    """What the files of this project are called there, without extension."""
    project: str = ""
    """The project's directory, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """What the parent tells the sidecar."""

    token: str
    """32 random bytes in hex; whoever has it is the owner."""
    socket_directory: str
    """An existing directory with mode 0700 that belongs to this process alone."""
    parent_pid: int
    protocol_versions: Sequence[int] = (PROTOCOL_VERSION,)
    client_name: str = ""
    client_version: str = ""
    log_level: str = "warning"
    warm: Warm | None = None
    """None: it ends with its parent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """What the sidecar tells its parent."""

    address: str
    instance_id: str
    pid: int
    server_version: str
    protocol_version: int = PROTOCOL_VERSION
    capabilities: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StartError:
    """Why the sidecar did not start."""

    reason: str
    message: str
    metadata: Mapping[str, str] = field(default_factory=dict)


def parse_bootstrap(line: bytes) -> Bootstrap:
    """Reads the bootstrap line.

    Raises:
        HandshakeError: The line is too long, no JSON object, has a wrong field, or names no version that we speak.
    """
    if len(line) > MAX_LINE_BYTES:
        raise HandshakeError(f"the bootstrap line is longer than {MAX_LINE_BYTES} bytes")
    values = _object(line, "the bootstrap line")
    if values.get("magic") != MAGIC:
        raise HandshakeError(f"the bootstrap line does not carry the magic {MAGIC!r}")
    versions = values.get("protocol_versions")
    if not isinstance(versions, list) or not all(type(version) is int for version in versions):
        raise HandshakeError("protocol_versions must be a list of integers")
    if PROTOCOL_VERSION not in versions:
        raise HandshakeError(
            f"the client speaks protocol {versions}, this sidecar speaks {PROTOCOL_VERSION}",
            reason="PROTOCOL_MISMATCH",
        )
    token = _text(values, "token")
    if not _TOKEN.fullmatch(token):
        raise HandshakeError("token must be 32 bytes in lower-case hex")
    directory = _text(values, "socket_directory")
    if not directory.startswith("/") or "\0" in directory:
        raise HandshakeError("socket_directory must be an absolute path")
    parent_pid = values.get("parent_pid")
    if type(parent_pid) is not int or parent_pid < 1:
        raise HandshakeError("parent_pid must be a positive integer")
    log_level = values.get("log_level", "warning")
    if log_level not in _LOG_LEVELS:
        raise HandshakeError(f"log_level must be one of {', '.join(_LOG_LEVELS)}")
    return Bootstrap(
        token=token,
        socket_directory=directory,
        parent_pid=parent_pid,
        protocol_versions=tuple(versions),
        client_name=_text(values, "client_name", default=""),
        client_version=_text(values, "client_version", default=""),
        log_level=log_level,
        warm=_warm(values.get("warm")),
    )


def _warm(values: object) -> Warm | None:
    if values is None:
        return None
    if not isinstance(values, dict):
        raise HandshakeError("warm must be an object")
    directory, name, seconds = _text(values, "directory"), _text(values, "name"), values.get("idle_seconds")
    if not directory.startswith("/") or "\0" in directory:
        raise HandshakeError("warm.directory must be an absolute path")
    if not _NAME.fullmatch(name):
        raise HandshakeError("warm.name must be hex digits")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= MAX_IDLE_SECONDS:
        raise HandshakeError(f"warm.idle_seconds must be above 0 and at most {MAX_IDLE_SECONDS}")
    project = _text(values, "project", default="")
    return Warm(idle_seconds=float(seconds), directory=directory, name=name, project=project)


def format_bootstrap(bootstrap: Bootstrap) -> bytes:
    """The line for the sidecar's stdin; ``parse_bootstrap`` gives it back."""
    values: dict[str, Any] = {
        "magic": MAGIC,
        "protocol_versions": list(bootstrap.protocol_versions),
        "token": bootstrap.token,
        "socket_directory": bootstrap.socket_directory,
        "parent_pid": bootstrap.parent_pid,
        "client_name": bootstrap.client_name,
        "client_version": bootstrap.client_version,
        "log_level": bootstrap.log_level,
    }
    if bootstrap.warm is not None:
        values["warm"] = asdict(bootstrap.warm)
    return json.dumps(values).encode() + b"\n"


def format_handshake(answer: Handshake | StartError) -> bytes:
    """The line for the sidecar's stdout."""
    if isinstance(answer, StartError):
        error = {"reason": answer.reason, "message": answer.message, "metadata": dict(answer.metadata)}
        values: dict[str, Any] = {"error": error}
    else:
        values = {
            "protocol_version": answer.protocol_version,
            "address": answer.address,
            "instance_id": answer.instance_id,
            "pid": answer.pid,
            "server_version": answer.server_version,
            "capabilities": sorted(answer.capabilities),
        }
    return PREFIX.encode() + json.dumps(values).encode() + b"\n"


def parse_handshake(line: bytes) -> Handshake | StartError | None:
    """Reads one line of the sidecar's stdout; None means noise to skip.

    Raises:
        HandshakeError: The line has the prefix and is not a handshake all the same.
    """
    if not line.startswith(PREFIX.encode()):
        return None
    values = _object(line[len(PREFIX) :], "the handshake line")
    error = values.get("error")
    if isinstance(error, dict):
        metadata = error.get("metadata")
        return StartError(
            reason=_text(error, "reason"),
            message=_text(error, "message"),
            metadata={str(k): str(v) for k, v in metadata.items()} if isinstance(metadata, dict) else {},
        )
    pid, version = values.get("pid"), values.get("protocol_version")
    if type(pid) is not int or type(version) is not int:
        raise HandshakeError("pid and protocol_version must be integers")
    capabilities = values.get("capabilities", [])
    if not isinstance(capabilities, list):
        raise HandshakeError("capabilities must be a list")
    return Handshake(
        address=_text(values, "address"),
        instance_id=_text(values, "instance_id"),
        pid=pid,
        server_version=_text(values, "server_version"),
        protocol_version=version,
        capabilities=tuple(str(capability) for capability in capabilities),
    )


def _object(text: bytes, what: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise HandshakeError(f"{what} is not JSON") from error
    if not isinstance(values, dict):
        raise HandshakeError(f"{what} is not a JSON object")
    return values


def _text(values: Mapping[str, Any], key: str, *, default: str | None = None) -> str:
    value = values.get(key, default)
    if not isinstance(value, str):
        raise HandshakeError(f"{key} must be a string")
    return value
