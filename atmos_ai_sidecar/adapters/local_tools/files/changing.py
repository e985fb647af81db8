"""The tools ``file_write`` and ``file_edit``: worked out first, shown, and only then done."""

import asyncio
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from atmos_ai_sidecar.adapters.local_tools.files import writing
from atmos_ai_sidecar.adapters.local_tools.files.contents import (
    OUTPUT_CHARACTERS,
    WHOLE_BYTES,
    Content,
    digest_of,
    read_whole,
)
from atmos_ai_sidecar.adapters.local_tools.files.guard import Guard
from atmos_ai_sidecar.adapters.local_tools.files.places import opened_place
from atmos_ai_sidecar.adapters.local_tools.files.seen_files import SeenFiles
from atmos_ai_sidecar.application.ports.file_changes import FileChanges
from atmos_ai_sidecar.domain.edits import FileChange, counts, edited, unified_diff, uses_carriage_returns
from atmos_ai_sidecar.domain.outputs import cap
from atmos_ai_sidecar.domain.requests import digest
from atmos_ai_sidecar.domain.tools import Demand, Execution, Preview, Result
from atmos_ai_sidecar.errors import InvalidFieldError, ToolExecutionFailedError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

_NEW_MODE, _FOLDER_MODE = 0o666, 0o777
_MARK = "\ufeff"


def written_text(values: Mapping[str, Any], before: str) -> str:
    """What ``file_write`` makes of a text; line ends stay those of the file."""
    content = str(values["content"])
    return content.replace("\n", "\r\n") if uses_carriage_returns(before) and "\r" not in content else content


def edited_text(values: Mapping[str, Any], before: str) -> str:
    """What ``file_edit`` makes of a text; raises what ``edited`` does."""
    return edited(before, str(values["old"]), str(values["new"]), path=str(values["path"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What a call would do, as things are."""

    path: str
    before: Content | None
    after: bytes
    diff: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changing:
    """One of the two tools."""

    guard: Guard
    seen: SeenFiles
    changes: FileChanges
    after: Callable[[Mapping[str, Any], str], str]
    creates: bool
    """Whether the file need not exist."""
    umask: int

    def demand(self, values: Mapping[str, Any]) -> Demand:
        """What the call demands."""
        return self.guard.write_demand(values, after=self.after)

    def preview(self, values: Mapping[str, Any], session_id: str) -> Preview:
        """The diff of what the call would do.

        Raises:
            InvalidFieldError, ToolExecutionFailedError: It cannot be done, and why.
        """
        path = self.guard.target(values)
        change = self._worked_out(path, values, session_id)
        before = change.before
        identity = f"{before.status.st_dev} {before.status.st_ino} {before.status.st_mode}" if before else "new"
        binding = digest(path, identity, before.digest if before else "", digest_of(change.after))
        return Preview(text=change.diff, binding=binding)

    async def run(self, values: Mapping[str, Any], execution: Execution) -> Result:
        """Changes the file; a change that has begun is finished, also when the call is cancelled."""
        task = asyncio.create_task(asyncio.to_thread(self._run, values, execution))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.gather(task, return_exceptions=True)
            raise

    def _run(self, values: Mapping[str, Any], execution: Execution) -> Result:
        path = self.guard.checked_target(values, execution, self.demand(values))
        shown = self.guard.territory.shown(path)
        change = self._worked_out(path, values, execution.session_id)
        before = change.before
        if before is not None and before.data == change.after:
            return Result(success=True, output=f"{shown} already has that content. Nothing was changed.")
        with opened_place(path, shown, folder_mode=_FOLDER_MODE & ~self.umask) as place:
            writing.require_same(place, before.status if before else None)
            self._keep(change, execution)
            if before is None:
                writing.create(place, change.after, mode=_NEW_MODE & ~self.umask)
            else:
                writing.replace(place, change.after, expected=before.status)
        self.seen.remember(execution.session_id, path, digest_of(change.after))
        return Result(success=True, output=_told(change, shown))

    def _worked_out(self, path: str, values: Mapping[str, Any], session_id: str) -> _Change:
        shown = self.guard.territory.shown(path)
        before = self._content(path, shown)
        self._require_known(path, shown, before, session_id)
        text = before.text(shown) if before else ""
        mark = _MARK if text.startswith(_MARK) else ""
        changed = mark + self.after(values, text.removeprefix(mark)).removeprefix(mark)
        return _Change(path=path, before=before, after=_encoded(changed), diff=unified_diff(text, changed))

    def _content(self, path: str, shown: str) -> Content | None:
        """The file as it is; None when there is none and none is needed."""
        if not os.path.lexists(path):
            if self.creates:
                self._require_room(path, shown)
                return None
            raise ToolExecutionFailedError(
                f"There is no file {shown}.", remedy="file_list shows which files there are.", path=shown
            )
        with opened_place(path, shown) as place:
            content = read_whole(place)
            if content is not None:
                writing.refuse_linked(place, content.status)
            return content

    def _require_room(self, path: str, shown: str) -> None:
        """Returns when a file of that name can be created, as far as its folder and the names beside it tell."""
        missing = Path(path)
        while not os.path.lexists(missing.parent):
            missing = missing.parent
        with opened_place(str(missing), shown) as place:
            writing.refuse_look_alike(place)

    def _require_known(self, path: str, shown: str, before: Content | None, session_id: str) -> None:
        """Returns when the conversation knows the file as it is; a call outside any has nothing to compare with."""
        known = self.seen.digest(session_id, path)
        if before is None or not session_id or known == before.digest:
            return
        happened = "was not read in this conversation" if known is None else "has changed since it was read"
        raise ToolExecutionFailedError(
            f"{shown} {happened}. Nothing was changed.", remedy="Read it with file_read, then try again.", path=shown
        )

    def _keep(self, change: _Change, execution: Execution) -> None:
        """Keeps what is needed to take the change back; what belongs to no session cannot be."""
        if not execution.session_id:
            return
        before = change.before
        record = FileChange(
            id="",
            turn_id=execution.turn_id,
            path=change.path,
            before_digest=before.digest if before else "",
            after_digest=digest_of(change.after),
            mode=stat.S_IMODE(before.status.st_mode) if before else 0,
        )
        self.changes.add(execution.session_id, record, before.data if before else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restorer:
    """The ``FileRestorer`` of a project."""

    guard: Guard

    def digest(self, path: str) -> str:
        """The digest of a file's content; see ``FileRestorer``."""
        if not os.path.lexists(path):
            return ""
        with opened_place(path, self.shown(path)) as place:
            content = read_whole(place)
            return content.digest if content else ""

    def restore(self, path: str, content: bytes | None, *, mode: int, expected: str) -> None:
        """Gives a file what it had; see ``FileRestorer``."""
        shown = self.shown(path)
        with opened_place(path, shown) as place:
            found = read_whole(place)
            if found is None or found.digest != expected:
                raise ToolExecutionFailedError(f"{shown} has changed since. It was left as it is.", path=shown)
            if content is None:
                writing.remove(place, expected=found.status)
            else:
                writing.replace(place, content, expected=found.status, mode=mode)

    def shown(self, path: str) -> str:
        """The path for people."""
        return self.guard.territory.shown(path)


def _encoded(text: str) -> bytes:
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidFieldError("content", "has a character that UTF-8 does not know.") from error
    if len(data) > WHOLE_BYTES:
        raise InvalidFieldError("content", f"would make a file of more than {WHOLE_BYTES >> 20} MiB.")
    return data


def _told(change: _Change, shown: str) -> str:
    added, removed = counts(change.diff)
    if change.before is None:
        return f"Created {shown} ({added} lines)."
    diff, _ = cap(change.diff, OUTPUT_CHARACTERS)
    return f"Changed {shown} (+{added} -{removed} lines):\n{diff}"
