import threading
from typing import Final

MAX_FILES: Final = 10_000
"""Of all sessions together; a session that is gone leaves its files behind until others push them out."""


class SeenFiles:
    """What the model knows of files: the digest of each as a session last read or wrote it. Safe under threads.

    It lives as long as its workspace and holds a bounded number: after a restart, or very many other files, the model
    has to read a file again before it changes it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._digests: dict[tuple[str, str], str] = {}

    def remember(self, session_id: str, path: str, digest: str) -> None:
        with self._lock:
            self._digests.pop((session_id, path), None)
            self._digests[session_id, path] = digest
            if len(self._digests) > MAX_FILES:
                del self._digests[next(iter(self._digests))]

    def digest(self, session_id: str, path: str) -> str | None:
        """None when the session has not read the file."""
        with self._lock:
            return self._digests.get((session_id, path))
