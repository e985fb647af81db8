import threading


class SeenFiles:
    """What the model knows of files: the digest of each as a session last read or wrote it. Safe under threads.

    It lives as long as its workspace: after a restart the model has to read a file again before it changes it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._digests: dict[tuple[str, str], str] = {}

    def remember(self, session_id: str, path: str, digest: str) -> None:
        with self._lock:
            self._digests[session_id, path] = digest

    def digest(self, session_id: str, path: str) -> str | None:
        """None when the session has not read the file."""
        with self._lock:
            return self._digests.get((session_id, path))
