"""The tool ``file_read``."""

import asyncio
import difflib
import io
import os
from collections.abc import Mapping
from typing import Any

from atmos_ai_sidecar.adapters.local_tools.files.contents import WHOLE_BYTES, Content, Window, read_whole, window
from atmos_ai_sidecar.adapters.local_tools.files.guard import Guard
from atmos_ai_sidecar.adapters.local_tools.files.places import (
    Place,
    names_beside,
    opened_file,
    opened_place,
    translated,
)
from atmos_ai_sidecar.adapters.local_tools.files.seen_files import SeenFiles
from atmos_ai_sidecar.domain.tools import Execution, Result
from atmos_ai_sidecar.errors import InvalidFieldError, ToolExecutionFailedError

DEFAULT_LINES = 2_000


async def read(guard: Guard, seen: SeenFiles, values: Mapping[str, Any], execution: Execution) -> Result:
    """Lines of a text file."""
    return await asyncio.to_thread(_read, guard, seen, values, execution)


def _read(guard: Guard, seen: SeenFiles, values: Mapping[str, Any], execution: Execution) -> Result:
    offset, limit = positive(values, "offset", 1), positive(values, "limit", DEFAULT_LINES)
    path = guard.checked_target(values, execution, guard.read_demand(values))
    shown = guard.territory.shown(path)
    with opened_place(path, shown) as place:
        status = place.status()
        if status is None:
            raise _missing(place)
        if status.st_size <= WHOLE_BYTES and (content := read_whole(place)):
            found = window(io.BytesIO(_without_mark(content)), shown, offset=offset, limit=limit)
            seen.remember(execution.session_id, path, content.digest)
        else:
            with translated(shown), os.fdopen(opened_file(place), "rb") as stream:
                found = window(stream, shown, offset=offset, limit=limit)
    return Result(success=True, output=_told(found, shown))


def positive(values: Mapping[str, Any], name: str, default: int) -> int:
    """A number from 1 on.

    Raises:
        InvalidFieldError: It is smaller.
    """
    value = int(values.get(name, default))
    if value < 1:
        raise InvalidFieldError(name, "must be at least 1.")
    return value


def _without_mark(content: Content) -> bytes:
    return content.data.removeprefix(b"\xef\xbb\xbf")


def _told(found: Window, shown: str) -> str:
    if found.total == 0:
        return f"{shown} is empty."
    if found.first == 1 and found.last == found.total:
        return found.text
    total = "more" if found.total is None else f"{found.total:,}"
    is_end = found.last == found.total
    more = "" if is_end else f"; go on with offset {found.last + 1}"
    return f"{found.text}\n(lines {found.first:,} to {found.last:,} of {total}{more})"


def _missing(place: Place) -> ToolExecutionFailedError:
    near = difflib.get_close_matches(place.name, names_beside(place), n=3)
    remedy = f"Beside it: {', '.join(near)}." if near else "file_list shows which files there are."
    return ToolExecutionFailedError(f"There is no file {place.shown}.", remedy=remedy, path=place.shown)
