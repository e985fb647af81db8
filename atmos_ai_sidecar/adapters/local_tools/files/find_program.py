"""Lists and searches files, as a process of its own.

A pattern of the model, or of an ignore file, can make Python's regular expressions run for ever, and they let nothing
else run meanwhile. Here they stop nobody: the process has its limits, and the tool's timeout ends it.
"""

import json
import os
import re
import resource
import sys
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, suppress
from itertools import islice
from typing import Any

from atmos_ai_sidecar.adapters.local_tools.files.walking import MOST_FILES, Found, walked
from atmos_ai_sidecar.domain.paths import is_secret, matches_glob

LARGEST_BYTES = 5 << 20
MOST_CHARACTERS = 24_000
NO_PATTERN = 3
"""The exit code for a pattern that is no regular expression."""
_MEMORY_BYTES = 1 << 30
_PROCESSOR_SECONDS = 60
_LINE_CHARACTERS, _SHOWN_CHARACTERS = 10_000, 300


_Results = Generator[tuple[str | int, ...], None, None]


def main(order: Mapping[str, Any]) -> None:
    """Carries out one order and writes JSON lines: what was found, and last what is to be said about it."""
    for limit, value in ((resource.RLIMIT_AS, _MEMORY_BYTES), (resource.RLIMIT_CPU, _PROCESSOR_SECONDS)):
        with suppress(ValueError, OSError):  # not every system has both, or lets them be lowered
            resource.setrlimit(limit, (value, value))
    notes: Counter[str] = Counter()
    room = MOST_CHARACTERS
    with closing(_searched(order, notes) if "pattern" in order else _listed(order, notes)) as results:
        for count, result in enumerate(results):
            room -= len("".join(map(str, result))) - len(order["folder"])
            if count == order["limit"] or room < 0:
                notes["cut"] = 1
                break
            sys.stdout.write(f"{json.dumps(result)}\n")
    sys.stdout.write(f"{json.dumps(notes)}\n")


def _listed(order: Mapping[str, Any], notes: Counter[str]) -> _Results:
    wanted, unwanted = order["globs"], order["exclude"]
    for found in _files(order, notes):
        path = found.path[len(order["folder"]) + 1 :]
        if any(matches_glob(path, glob) for glob in wanted) and not any(matches_glob(path, glob) for glob in unwanted):
            yield (found.path,)


def _searched(order: Mapping[str, Any], notes: Counter[str]) -> _Results:
    try:
        pattern = re.compile(order["pattern"])
    except (re.error, RecursionError, OverflowError, MemoryError) as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(NO_PATTERN) from error
    for found in _files(order, notes):
        if reason := _why_skipped(found):
            notes[reason] += 1
            continue
        for number, line in enumerate(_lines(found), 1):
            if match := pattern.search(line):
                start = max(0, min(match.start() - _SHOWN_CHARACTERS // 3, len(line) - _SHOWN_CHARACTERS))
                yield found.path, number, line[start : start + _SHOWN_CHARACTERS].strip()


def _files(order: Mapping[str, Any], notes: Counter[str]) -> Iterator[Found]:
    files = walked(order["folder"], root=order["root"], hidden=order["hidden"])
    for found in islice(files, MOST_FILES):
        notes["files"] += 1
        yield found


def _why_skipped(found: Found) -> str:
    if is_secret(found.path):
        return "secret"
    if found.status.st_nlink > 1:
        return "linked"
    return "large" if found.status.st_size > LARGEST_BYTES else ""


def _lines(found: Found) -> Iterator[str]:
    """The lines of a text file; none of a binary one or of one that cannot be read."""
    try:
        descriptor = os.open(found.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=found.folder)
    except OSError:
        return
    with os.fdopen(descriptor, "rb") as stream:
        # Whatever was swapped in meanwhile: it is the file that was looked at, or none.
        if os.fstat(descriptor).st_ino != found.status.st_ino:
            return
        data = stream.read(LARGEST_BYTES)
    if b"\0" not in data:
        for line in data.split(b"\n"):
            yield line[:_LINE_CHARACTERS].decode("utf-8", "replace")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
