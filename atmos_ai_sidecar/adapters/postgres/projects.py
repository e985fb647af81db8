from collections.abc import Mapping


class ProjectKeys:
    """Which key a project has that lies at different paths on different machines.

    A path without a key is its own key. Sessions are told with the path that their project has here.
    """

    def __init__(self, keys: Mapping[str, str] | None = None) -> None:
        self._keys = dict(keys or {})

    def add(self, path: str, key: str) -> None:
        """Says that the project at ``path`` has ``key``."""
        self._keys[path] = key

    def key_of(self, path: str) -> str:
        """The key of the project at that path."""
        return self._keys.get(path, path)

    def path_of(self, key: str, elsewhere: str) -> str:
        """Where the project is on this machine; ``elsewhere`` when it is not."""
        return next((path for path, known in self._keys.items() if known == key), elsewhere)
