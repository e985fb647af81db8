"""What goes wrong with a store, worded once. ``place`` is a path, or a database without its password."""

from atmos_ai_sidecar.errors import (
    StorageBusyError,
    StorageCorruptError,
    StorageFullError,
    StorageUnavailableError,
)

_RETRY_SECONDS = 1.0


def corrupt(place: str, problem: str) -> StorageCorruptError:
    return StorageCorruptError(
        f"The session store {place} cannot be trusted: {problem}.",
        remedy="It was left as it is. Move it away to start with an empty one, or restore a backup.",
        path=place,
        problem=problem,
    )


def unavailable(place: str, problem: str) -> StorageUnavailableError:
    return StorageUnavailableError(
        f"The session store {place} cannot be used: {problem}.",
        remedy="Make its folder writable for you, or set `ai.sessions.enabled: false` to go on without one.",
        path=place,
        problem=problem,
    )


def busy(place: str) -> StorageBusyError:
    return StorageBusyError(
        f"Another process holds the session store {place} locked.",
        retry_seconds=_RETRY_SECONDS,
        remedy="Try again in a moment; `atmos-ai doctor` shows who uses it.",
        path=place,
    )


def full(place: str) -> StorageFullError:
    return StorageFullError(
        f"There is no space left to write the session store {place}.",
        remedy="Free some space; what was stored before is safe.",
        path=place,
    )
