"""What `--debug` says more."""

import traceback

from atmos_ai_sidecar.errors import SidecarError
from atmos_ai_sidecar.terminal.render.palette import visible
from atmos_ai_sidecar.terminal.writer import Writer


def say_where(writer: Writer, error: Exception) -> None:
    """Says of which kind an error is and where in the code it came from, causes first."""
    if isinstance(error, SidecarError):
        writer.say(writer.talk.dim(f"Reason: {error.reason}"))
    for text in traceback.format_exception(error):
        for line in text.rstrip("\n").split("\n"):
            writer.say(writer.talk.dim(visible(line)))


def say_log(writer: Writer, path: str) -> None:
    """Says where the log of the project is, and what it holds for this run."""
    if path:
        writer.say(writer.talk.dim(f"Log: {visible(path)} (in detail: it may quote what was said; it has no secrets)"))
    else:
        writer.say(writer.talk.dim("Log: none, because no project was opened."))
