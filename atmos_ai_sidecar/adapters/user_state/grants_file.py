from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from atmos_ai_sidecar.adapters.user_state.json_file import JsonFile
from atmos_ai_sidecar.adapters.user_state.state_directory import project_folder
from atmos_ai_sidecar.domain.grants import Grant


class GrantsFile:
    """The ``GrantStore`` of one project: ``grants.json`` in the user's state directory."""

    def __init__(self, state: Path, project: str) -> None:
        self._project = project
        self._file = JsonFile(project_folder(state, project) / "grants.json", state)

    @property
    def path(self) -> Path:
        return self._file.path

    def load(self) -> Sequence[Grant]:
        """All grants, oldest first.

        Raises:
            StorageCorruptError: The file is not ours or broken; it is left alone.
        """
        values = self._file.read()
        if values is None:
            return ()
        try:
            if values["project"] != self._project:
                raise self._file.corrupt(f"it belongs to {values['project']!r}")
            return tuple(_grant(entry) for entry in values["grants"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._file.corrupt("an entry is not a grant") from error

    def add(self, grant: Grant) -> None:
        """Remembers a grant, durably, also when another process writes at the same time.

        Raises:
            StorageCorruptError: The file is not ours or broken; nothing is remembered.
        """
        with self._file.locked():
            grants = [*self.load(), grant]
            self._file.write({"project": self._project, "grants": [_entry(grant) for grant in grants]})


def _entry(grant: Grant) -> dict[str, Any]:
    return {
        "tool": grant.tool,
        "allow": grant.allow,
        "input": dict(grant.input),
        "session_id": grant.session_id,
        "user": grant.user,
        "create_time": grant.create_time.isoformat() if grant.create_time else None,
    }


def _grant(entry: dict[str, Any]) -> Grant:
    """A grant from its entry. What is missing or of a wrong type must not widen it, so nothing has a default."""
    texts = [entry[name] for name in ("tool", "session_id", "user")]
    if not all(isinstance(text, str) for text in texts) or not isinstance(entry["allow"], bool):
        raise TypeError(entry)
    return Grant(
        tool=entry["tool"],
        allow=entry["allow"],
        input=dict(entry["input"].items()),
        session_id=entry["session_id"],
        user=entry["user"],
        create_time=datetime.fromisoformat(entry["create_time"]) if entry["create_time"] else None,
    )
