"""Reads Atmos' `sessions.db`. A copy is read, because even a reader of a database in WAL mode writes beside it."""

import asyncio
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from atmos_ai_sidecar.adapters.atmos_sessions.texts import WELCOME, parsed_time, without_footer
from atmos_ai_sidecar.adapters.storage.problems import corrupt, unavailable
from atmos_ai_sidecar.adapters.storage.values import UnreadableError, to_text
from atmos_ai_sidecar.application.ports.foreign_sessions import ForeignSession
from atmos_ai_sidecar.domain.checkpoints import Checkpoint
from atmos_ai_sidecar.domain.messages import Message, Role, Text
from atmos_ai_sidecar.domain.sessions import ContextItem

MAX_FILE_BYTES: Final = 1024 * 1024 * 1024
_HERE: Final = frozenset({"", "."})
Row = Mapping[str, Any]


class AtmosSessions:
    """The ForeignSessions port over one database of Atmos."""

    def __init__(self, path: Path, project_path: str) -> None:
        self._path = path
        self._project_path = project_path

    async def read(self) -> Sequence[ForeignSession]:
        """The project's sessions, oldest first; none when Atmos has no database.

        Raises:
            StorageUnavailableError: The file cannot be read, or is a link.
            StorageCorruptError: It is no database of Atmos'.
        """
        return await asyncio.to_thread(self._read)

    def _read(self) -> Sequence[ForeignSession]:
        if self._path.is_symlink():
            raise unavailable(str(self._path), "it is a symbolic link")
        if not self._path.is_file():
            return ()
        try:
            with tempfile.TemporaryDirectory(prefix="atmos-ai-") as directory:
                copy = self._copied(Path(directory))
                with closing(sqlite3.connect(copy)) as connection:
                    connection.execute("PRAGMA trusted_schema = OFF")
                    connection.row_factory = sqlite3.Row
                    connection.text_factory = lambda content: content.decode("utf-8", "replace")
                    return _sessions(connection, self._project_path)
        except OSError as error:
            raise unavailable(str(self._path), error.strerror or str(error)) from error
        except (sqlite3.Error, UnreadableError) as error:
            raise corrupt(str(self._path), str(error)) from error

    def _copied(self, directory: Path) -> Path:
        if self._path.stat().st_size > MAX_FILE_BYTES:
            raise unavailable(str(self._path), "it is larger than 1 GiB")
        copy = directory / "sessions.db"
        shutil.copyfile(self._path, copy)
        log = Path(f"{self._path}-wal")
        if log.is_file() and not log.is_symlink():
            shutil.copyfile(log, f"{copy}-wal")
        return copy


def _sessions(connection: sqlite3.Connection, project_path: str) -> Sequence[ForeignSession]:
    rows = _rows(connection, "sessions")
    messages = _by_session(_rows(connection, "messages"))
    context = _by_session(_rows(connection, "session_context", required=False))
    summaries = _by_session(_rows(connection, "message_summaries", required=False))
    found = [
        _session(row, messages.get(row["id"], []), context.get(row["id"], []), summaries.get(row["id"], []))
        for row in rows
        if row["project_path"] in _HERE or row["project_path"] == project_path
    ]
    return tuple(sorted(found, key=lambda session: session.checkpoint.create_time))


def _rows(connection: sqlite3.Connection, table: str, *, required: bool = True) -> list[Row]:
    """All rows as maps, because columns such as `skill` came later."""
    is_table = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    if connection.execute(is_table, (table,)).fetchone() is None:
        if required:
            message = f"it has no table {table!r}"
            raise UnreadableError(message)
        return []
    return [dict(row) for row in connection.execute(f"SELECT rowid AS row_number, * FROM {table} ORDER BY rowid")]  # noqa: S608 - a constant of this file


def _by_session(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row["session_id"]), []).append(row)
    return found


def _session(row: Row, message_rows: Sequence[Row], context: Sequence[Row], summaries: Sequence[Row]) -> ForeignSession:
    messages = [(parsed_time(message["created_at"]), message) for message in message_rows]
    # In the order of Atmos, which is that of their times; rows of one moment stay in the order they were written.
    messages.sort(key=lambda entry: entry[0])
    read = [_message(message, place) for place, (_, message) in enumerate(messages)]
    checkpoint = Checkpoint(
        name=to_text(str(row["name"])),
        provider=str(row["provider"]),
        model=str(row["model"]),
        project_path=str(row["project_path"]),
        create_time=parsed_time(row["created_at"]),
        update_time=parsed_time(row["updated_at"]),
        metadata=_metadata(row.get("metadata")),
        messages=tuple(message for message in read if message is not None),
        context_items=(*_context_items(context), *_summaries(summaries)),
        skill=str(row.get("skill") or ""),
        archived_messages=sum(bool(message.get("archived")) for message in message_rows),
    )
    return ForeignSession(identity=str(row["id"]), checkpoint=checkpoint, archived=bool(row.get("archived")))


def _message(row: Row, place: int) -> Message | None:
    """None for what nobody said: the welcome, notes of the system, and empty texts."""
    role, text = row["role"], str(row["content"])
    if role not in set(Role) or (place == 0 and role == Role.ASSISTANT and text.startswith(WELCOME)):
        return None
    text = without_footer(text) if role == Role.ASSISTANT else text
    if not text.strip():
        return None
    return Message(role=Role(role), blocks=(Text(text=text),), create_time=parsed_time(row["created_at"]))


def _context_items(rows: Sequence[Row]) -> Sequence[ContextItem]:
    return tuple(
        ContextItem(
            context_type=str(row["context_type"]),
            context_key=str(row["context_key"]),
            context_value=str(row["context_value"] or ""),
        )
        for row in rows
    )


def _summaries(rows: Sequence[Row]) -> Sequence[ContextItem]:
    """What Atmos made of the messages that it archived; the messages themselves are there too."""
    return tuple(
        ContextItem(context_type="atmos_summary", context_key=str(row["id"]), context_value=str(row["summary_content"]))
        for row in rows
    )


def _metadata(text: object) -> Mapping[str, str]:
    try:
        values = json.loads(str(text or "{}"))
    except (ValueError, RecursionError) as error:
        raise UnreadableError(str(error)) from error
    if not isinstance(values, dict):
        return {}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
