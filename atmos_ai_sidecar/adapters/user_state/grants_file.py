import hashlib
import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from atmos_ai_sidecar.adapters.user_state.json_file import JsonFile
from atmos_ai_sidecar.adapters.user_state.state_directory import project_folder
from atmos_ai_sidecar.domain.grants import Grant, with_grant
from atmos_ai_sidecar.domain.tools import CommandClass

_ID_BYTES = 4


class GrantsFile:
    """The ``GrantStore`` of one project: ``grants.json`` in the user's state directory."""

    def __init__(self, state: Path, project: str) -> None:
        self._project = project
        self._file = JsonFile(project_folder(state, project) / "grants.json", state)

    @property
    def path(self) -> Path:
        return self._file.path

    def load(self) -> Sequence[Grant]:
        """All grants; see ``GrantStore``."""
        values = self._file.read()
        if values is None:
            return ()
        try:
            if values["project"] != self._project:
                raise self._file.corrupt(f"it belongs to {values['project']!r}")
            return tuple(_grant(entry) for entry in values["grants"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._file.corrupt("an entry is not a grant") from error

    def add(self, grant: Grant) -> Grant:
        """Remembers a grant; see ``GrantStore``."""
        with self._file.locked():
            known = self.load()
            stored = replace(grant, id=_new_id({other.id for other in known}))
            self._write(with_grant(known, stored))
        return stored

    def remove(self, ids: Collection[str]) -> Sequence[Grant]:
        """Forgets grants; see ``GrantStore``."""
        with self._file.locked():
            known = self.load()
            gone = tuple(grant for grant in known if grant.id in ids)
            if gone:
                self._write([grant for grant in known if grant.id not in ids])
        return gone

    def count_use(self, grant_id: str) -> None:
        """Counts that a grant decided a call; see ``GrantStore``."""
        with self._file.locked():
            counted = [replace(grant, uses=grant.uses + 1) if grant.id == grant_id else grant for grant in self.load()]
            self._write(counted, is_durable=False)

    def _write(self, grants: Sequence[Grant], *, is_durable: bool = True) -> None:
        entries = [_entry(grant) for grant in grants]
        self._file.write({"project": self._project, "grants": entries}, is_durable=is_durable)


def _new_id(taken: Collection[str]) -> str:
    while (chosen := secrets.token_hex(_ID_BYTES)) in taken:
        pass
    return chosen


def _entry(grant: Grant) -> dict[str, Any]:
    return {
        "id": grant.id,
        "tool": grant.tool,
        "allow": grant.allow,
        "input": dict(grant.input),
        "command": list(grant.command),
        "command_class": grant.command_class,
        "session_id": grant.session_id,
        "user": grant.user,
        "from_session": grant.from_session,
        "create_time": grant.create_time.isoformat() if grant.create_time else None,
        "expire_time": grant.expire_time.isoformat() if grant.expire_time else None,
        "uses": grant.uses,
    }


def _grant(entry: Mapping[str, Any]) -> Grant:
    """A grant from its entry. What is missing or of a wrong type must not widen it, so nothing has a default."""
    if "id" not in entry:
        entry = {**_ADDED, **entry, "id": _id_of(entry)}
    texts = [entry[name] for name in ("id", "tool", "session_id", "user", "from_session")]
    words, is_allowed, uses = entry["command"], entry["allow"], entry["uses"]
    is_sound = all(isinstance(text, str) for text in (*texts, *words)) and isinstance(words, list) and entry["id"]
    if not is_sound or not isinstance(is_allowed, bool) or type(uses) is not int:
        raise TypeError(entry)
    command_class = entry["command_class"]
    return Grant(
        id=entry["id"],
        tool=entry["tool"],
        allow=is_allowed,
        input=dict(entry["input"].items()),
        command=tuple(words),
        command_class=None if command_class is None else CommandClass(command_class),
        session_id=entry["session_id"],
        user=entry["user"],
        from_session=entry["from_session"],
        create_time=_time(entry["create_time"]),
        expire_time=_time(entry["expire_time"]),
        uses=uses,
    )


_ADDED: Mapping[str, Any] = {"command": [], "command_class": None, "from_session": "", "expire_time": None, "uses": 0}
"""What entries without an id, of the first versions of this program, do not have."""


def _id_of(entry: Mapping[str, Any]) -> str:
    """An id for an entry that was written without one: the same each time."""
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()[: 2 * _ID_BYTES]


def _time(text: str | None) -> datetime | None:
    """A time with its zone; the empty text stood for none in the first versions."""
    if text in {None, ""}:
        return None
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment
