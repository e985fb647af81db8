"""Files of the project for a question."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import PurePosixPath

from atmos_ai_sidecar.adapters.local_tools.files.contents import is_binary
from atmos_ai_sidecar.adapters.local_tools.files.finding import Finding
from atmos_ai_sidecar.adapters.local_tools.files.places import opened_file, opened_place, translated
from atmos_ai_sidecar.domain.attachments import (
    FILE_BYTES,
    MOST_FILES,
    TOTAL_BYTES,
    Attachment,
    Attachments,
    Selection,
    remarks_on,
    shown,
)
from atmos_ai_sidecar.domain.paths import Territory, is_within, matches_glob
from atmos_ai_sidecar.errors import OptionInvalidError, ToolExecutionFailedError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

_STACK_FILES = ("**/*.yaml", "**/*.yml")
_TOO_LARGE = f"a file may have {FILE_BYTES >> 10} KiB"
_TOO_MUCH = f"all files together may have {TOTAL_BYTES >> 10} KiB"


class _SkippedError(Exception):
    """The file is not sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedFiles:
    """See ``ProjectFiles``. Searches in a process of its own, as the file tools do."""

    finding: Finding
    stacks: str
    """The folder of the stack files, absolute."""

    async def attach(self, selection: Selection) -> Attachments:
        """Finds and reads the files. See ``ProjectFiles``."""
        include = [self._glob("--include", glob) for glob in selection.include]
        exclude = [form for glob in selection.exclude for form in _forms(self._glob("--exclude", glob))]
        if selection.stacks:
            folder = self._glob("--context", self.stacks)
            include += [str(PurePosixPath(folder, files)) for files in _STACK_FILES]
        wanted = [form for glob in include for form in _forms(glob)]
        found, is_cut = await self.finding.matching(wanted, exclude=exclude, limit=MOST_FILES)
        attachments = await asyncio.to_thread(self._read, found)
        unmatched = [glob for glob in include if not is_cut and not self._is_matched(glob, found)]
        return Attachments(
            files=attachments.files,
            remarks=(
                *(f"No file matches {shown(glob)}; what Git ignores is not looked at." for glob in unmatched),
                *((f"Only the first {len(found)} files that match were looked at.",) if is_cut else ()),
                *attachments.remarks,
            ),
        )

    @property
    def _territory(self) -> Territory:
        return self.finding.guard.territory

    def _glob(self, option: str, glob: str) -> str:
        """A glob relative to the project's folder.

        Raises:
            OptionInvalidError: It leads elsewhere.
        """
        path = os.path.normpath(self._territory.absolute(glob))
        directory = self._territory.directory
        if "\0" in glob or not is_within(path, directory):
            raise OptionInvalidError(option, f"{shown(glob)} is outside the project {directory}.")
        relative = str(PurePosixPath(path).relative_to(directory))
        # A glob with a slash is one for that place, also when the place is the project's folder.
        return f"./{relative}" if "/" in glob and "/" not in relative else relative

    def _is_matched(self, glob: str, found: Sequence[str]) -> bool:
        paths = [path[len(self._territory.directory) + 1 :] for path in found]
        return any(matches_glob(path, form) for path in paths for form in _forms(glob))

    def _read(self, paths: Sequence[str]) -> Attachments:
        files, skipped, room = list[Attachment](), list[tuple[str, str]](), TOTAL_BYTES
        for path in paths:
            name = self._territory.shown(path)
            try:
                data = self._content(path, name, room)
                files.append(Attachment(path=name, text=_text(data)))
                room -= len(data)
            except _SkippedError as error:
                skipped.append((name, str(error)))
            except ToolExecutionFailedError:
                skipped.append((name, "it cannot be read"))
        return Attachments(files=files, remarks=remarks_on(skipped))

    def _content(self, path: str, name: str, room: int) -> bytes:
        why_not = self._territory.why_not_read(path) or self._territory.why_asked(path, writes=False)
        if why_not:
            raise _SkippedError(why_not)
        with opened_place(path, name) as place, translated(name), os.fdopen(opened_file(place), "rb") as stream:
            if os.fstat(stream.fileno()).st_nlink > 1:
                raise _SkippedError("the file has another name elsewhere (a hard link)")
            data = stream.read(FILE_BYTES + 1)
        if len(data) > FILE_BYTES:
            raise _SkippedError(_TOO_LARGE)
        if len(data) > room:
            raise _SkippedError(_TOO_MUCH)
        return data


def _forms(glob: str) -> Sequence[str]:
    """The glob, and what is below a folder that it names."""
    return (glob, f"**/{glob}/**" if "/" not in glob else f"{glob}/**")


def _text(data: bytes) -> str:
    if is_binary(data):
        raise _SkippedError("it is binary")
    try:
        return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        raise _SkippedError("it is no UTF-8 text") from error
