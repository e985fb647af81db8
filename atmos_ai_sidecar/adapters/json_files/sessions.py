"""What the ports ask, answered from the files. Every function blocks."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from atmos_ai_sidecar.adapters.json_files.folder import Folder
from atmos_ai_sidecar.adapters.json_files.records import Appended, Change, Facts, Header, Record, new_session
from atmos_ai_sidecar.adapters.json_files.session_file import SessionFile
from atmos_ai_sidecar.adapters.storage.cursors import decode_cursor, encode_cursor
from atmos_ai_sidecar.adapters.storage.values import to_text, to_text_time
from atmos_ai_sidecar.application.ports.message_search import SearchHit, SearchPage
from atmos_ai_sidecar.application.ports.session_archive import SessionImport
from atmos_ai_sidecar.application.ports.session_store import MessagePage, SessionChange, SessionDraft, SessionPage
from atmos_ai_sidecar.domain.messages import Message
from atmos_ai_sidecar.domain.search import matches, snippet
from atmos_ai_sidecar.domain.sessions import ContextItem, Session, default_name
from atmos_ai_sidecar.errors import (
    EtagMismatchError,
    SessionExistsError,
    SessionNotFoundError,
    TurnInProgressError,
)


def create(folder: Folder, draft: SessionDraft, now: datetime) -> Session:
    return import_session(folder, SessionImport(draft=draft, messages=()), now, overwrite=False, busy=frozenset())


def import_session(
    folder: Folder, imported: SessionImport, now: datetime, *, overwrite: bool, busy: frozenset[str]
) -> Session:
    draft = imported.draft
    with folder.locked():
        files = folder.all()
        if draft.request_id:
            for file in files:
                if file.header is not None and file.header.request_id == draft.request_id:
                    return file.session
        in_the_way = _named(files, draft.project_path, draft.name) if draft.name else None
        if in_the_way is not None and not overwrite:
            raise SessionExistsError(draft.name)
        if in_the_way is not None and in_the_way.session.id in busy:
            raise TurnInProgressError(draft.name)
        replaces = "" if in_the_way is None else str(in_the_way.session.id)
        name = draft.name or _free_name(files, draft.project_path, now)
        session = new_session(str(uuid.uuid4()), name, draft, now)
        create_time = (imported.create_time or now).astimezone(UTC)
        session = replace(session, create_time=create_time, archived=imported.archived)
        records: list[Record] = [Header(session=session, request_id=draft.request_id, replaces=replaces)]
        if imported.messages:
            records.append(Appended(messages=_numbered(imported.messages, 0, now), time=now))
        if imported.context_items:
            records.append(Facts(items=tuple(imported.context_items)))
        added = folder.add(session.id, records)
        if replaces:
            folder.remove(replaces)
        return added.session


def get(folder: Folder, session_id: str) -> Session:
    return folder.get(session_id).session


def get_by_name(folder: Folder, project_path: str, name: str) -> Session:
    found = _named(folder.all(), project_path, name)
    if found is None:
        raise SessionNotFoundError(name)
    return found.session


def page(folder: Folder, project_path: str, limit: int, cursor: str, *, include_archived: bool) -> SessionPage:
    binding = ["sessions", project_path, include_archived]
    place = decode_cursor(cursor, binding, str, str) if cursor else None
    found = [
        session
        for session in _of_project(folder, project_path)
        if (include_archived or not session.archived) and (place is None or _place(session) < place)
    ]
    found.sort(key=_place, reverse=True)
    next_cursor = encode_cursor(binding, *_place(found[limit - 1])) if len(found) > limit else ""
    return SessionPage(sessions=tuple(found[:limit]), next_cursor=next_cursor)


def update(folder: Folder, session_id: str, change: SessionChange, etag: str, now: datetime) -> Session:
    with folder.locked():
        file = folder.get(session_id)
        current = file.session
        if etag and etag != current.etag:
            raise EtagMismatchError(current.name)
        if change.name is not None and change.name != current.name:
            if _named(folder.all(), current.project_path, change.name) is not None:
                raise SessionExistsError(change.name)
            change = replace(change, name=to_text(change.name))
        file.append(Change(change=change, time=now))
        return file.session


def delete(folder: Folder, session_id: str) -> bool:
    with folder.locked():
        try:
            folder.get(session_id)
        except SessionNotFoundError:
            return False
        return folder.remove(session_id)


def append(
    folder: Folder, session_id: str, messages: Sequence[Message], request_id: str, now: datetime
) -> Sequence[Message]:
    with folder.locked():
        file = folder.get(session_id)
        if request_id in file.appended_by:
            first, last = file.appended_by[request_id]
            return file.after(first - 1, last - first + 1)
        if not messages:
            return ()
        stored = _numbered(messages, file.last_id, now)
        file.append(Appended(messages=stored, time=now, request_id=request_id))
        return tuple(replace(message, session_id=session_id) for message in stored)


def newest(folder: Folder, session_id: str, limit: int) -> Sequence[Message]:
    return folder.get(session_id).newest(limit)


def message_page(folder: Folder, session_id: str, after: int, limit: int) -> MessagePage:
    found = folder.get(session_id).after(after, limit + 1)
    return MessagePage(messages=found[:limit], next_cursor=found[limit - 1].id if len(found) > limit else 0)


def set_context_item(folder: Folder, session_id: str, item: ContextItem) -> None:
    with folder.locked():
        folder.get(session_id).append(Facts(items=(item,)))


def context_items(folder: Folder, session_id: str, context_type: str) -> Sequence[ContextItem]:
    items = folder.get(session_id).context
    return tuple(items[key] for key in sorted(items) if not context_type or key[0] == context_type)


def clean(
    folder: Folder, project_path: str, before: datetime, *, dry_run: bool, busy: frozenset[str]
) -> Sequence[Session]:
    with folder.locked():
        by_age = sorted(_of_project(folder, project_path), key=_place)
        old = tuple(session for session in by_age[:-1] if session.update_time < before and session.id not in busy)
        for session in () if dry_run else old:
            folder.remove(session.id)
        return old


def search(folder: Folder, project_path: str, terms: Sequence[str], limit: int, cursor: str) -> SearchPage:
    binding = ["search", project_path, *terms]
    before = decode_cursor(cursor, binding, str, str, str) if cursor else None
    found: list[tuple[tuple[str, ...], SearchHit]] = []
    for file in folder.all():
        if file.session.project_path != to_text(project_path):
            continue
        for message in file.newest(0):
            place = (
                to_text_time(message.create_time or file.session.create_time),
                file.session.id,
                f"{message.id:020}",
            )
            if (before is None or place < before) and matches(message.text, terms):
                found.append((place, _hit(file.session, message, terms)))
    found.sort(key=lambda entry: entry[0], reverse=True)
    next_cursor = encode_cursor(binding, *found[limit - 1][0]) if len(found) > limit else ""
    return SearchPage(hits=tuple(hit for _, hit in found[:limit]), next_cursor=next_cursor)


def _hit(session: Session, message: Message, terms: Sequence[str]) -> SearchHit:
    return SearchHit(
        session_id=session.id,
        session_name=session.name,
        message_id=message.id,
        role=message.role,
        create_time=message.create_time or session.create_time,
        snippet=snippet(message.text, terms),
    )


def _of_project(folder: Folder, project_path: str) -> list[Session]:
    path = to_text(project_path)
    return [file.session for file in folder.all() if file.session.project_path == path]


def _place(session: Session) -> tuple[str, str]:
    return to_text_time(session.update_time), session.id


def _named(files: Sequence[SessionFile], project_path: str, name: str) -> SessionFile | None:
    wanted = (to_text(project_path), to_text(name))
    return next((file for file in files if (file.session.project_path, file.session.name) == wanted), None)


def _free_name(files: Sequence[SessionFile], project_path: str, now: datetime) -> str:
    stem = name = default_name(now)
    suffix = 1
    while _named(files, project_path, name) is not None:
        suffix += 1
        name = f"{stem}-{suffix}"
    return name


def _numbered(messages: Sequence[Message], last_id: int, now: datetime) -> tuple[Message, ...]:
    return tuple(
        replace(
            message,
            id=number,
            create_time=(message.create_time or now).astimezone(UTC),
            blocks=tuple(message.blocks),
        )
        for number, message in enumerate(messages, start=last_id + 1)
    )
