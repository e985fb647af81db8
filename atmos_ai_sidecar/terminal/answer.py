"""An answer as it comes, on standard output; progress on standard error."""

from typing import TYPE_CHECKING, Protocol

from atmos_ai_sidecar.domain.events import (
    ModelRetrying,
    Notice,
    StopReason,
    TextDelta,
    ToolCallFinished,
    ToolCallStarted,
    TurnEvent,
)
from atmos_ai_sidecar.terminal.one_turn import CallRecord, TurnRecord
from atmos_ai_sidecar.terminal.render.cards import card
from atmos_ai_sidecar.terminal.render.ends import end_text
from atmos_ai_sidecar.terminal.render.palette import visible
from atmos_ai_sidecar.terminal.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atmos_ai_sidecar.terminal.render.markdown_stream import Block

_BROKE_OFF = "(The answer broke off and starts again.)"


class _Paper(Protocol):
    """Where an answer is written."""

    def feed(self, text: str) -> None: ...
    def start_again(self) -> None: ...
    def end_step(self) -> None: ...


class Progress:
    """What goes on, on standard error: notices always, calls and retries only where a terminal shows them."""

    def __init__(self, writer: Writer, *, shows_steps: bool | None = None) -> None:
        self._writer = writer
        self._shows_steps = writer.console.stderr_is_terminal if shows_steps is None else shows_steps
        self._titles: dict[str, str] = {}

    def show(self, event: TurnEvent) -> None:
        match event:
            case ModelRetrying():
                again = f"{visible(event.message)} Trying again in {event.delay_seconds:.0f} s."
                self._step(self._writer.talk.dim(again))
            case Notice():
                self._writer.say(self._writer.talk.yellow(visible(event.message)))
            case ToolCallStarted():
                self._titles[event.tool_call.id] = event.title
            case ToolCallFinished():
                result = event.tool_result
                title = self._titles.get(result.tool_call_id, "")
                width = self._writer.console.size.columns - 1
                self._step(card(title, result.result, self._writer.talk, width=width))

    def _step(self, line: str) -> None:
        if self._shows_steps:
            self._writer.say(line)


class Answer:
    """Set as Markdown on a terminal, as it is in a pipe, and line by line where no cursor moves."""

    def __init__(self, writer: Writer, *, is_plain: bool = False, shows_progress: bool | None = None) -> None:
        self._progress = Progress(writer, shows_steps=shows_progress)
        if not writer.console.stdout_is_terminal:
            self._paper: _Paper = _Pipe(writer)
        else:
            self._paper = _Lines(writer) if is_plain else _Page(writer)

    def show(self, event: TurnEvent) -> None:
        match event:
            case TextDelta():
                self._paper.feed(event.text)
            case ModelRetrying():
                self._paper.start_again()
            case ToolCallStarted():
                self._paper.end_step()
        self._progress.show(event)

    def end(self) -> None:
        """Shows what is left."""
        self._paper.end_step()


class _Pipe:
    """Writes a step when it has ended, so that a retry never leaves half an answer in the output."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._step = ""
        self._has_written = False

    def feed(self, text: str) -> None:
        self._step += text

    def start_again(self) -> None:
        self._step = ""

    def end_step(self) -> None:
        if self._step.strip():
            self._writer.line(("\n" if self._has_written else "") + self._step.strip("\n"))
            self._has_written = True
        self._step = ""


class _Lines:
    """Writes whole lines as they come, as they are."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._line = ""
        self._has_written = False

    def feed(self, text: str) -> None:
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._put(line)

    def start_again(self) -> None:
        self._line = ""
        if self._has_written:
            self._writer.line(_BROKE_OFF)

    def end_step(self) -> None:
        if self._line:
            self._put(self._line)
        self._line = ""

    def _put(self, line: str) -> None:
        self._writer.line(visible(line))
        self._has_written = True


class _Page:
    """Writes finished Markdown blocks."""

    def __init__(self, writer: Writer) -> None:
        # Rich takes a tenth of a second, so it is loaded when a terminal is about to show an answer.
        from atmos_ai_sidecar.terminal.render.markdown_stream import MarkdownStream  # noqa: PLC0415
        from atmos_ai_sidecar.terminal.render.typesetter import Typesetter  # noqa: PLC0415

        self._writer = writer
        self._stream = MarkdownStream()
        self._typesetter = Typesetter(columns=writer.console.size.columns, has_colors=writer.out.enabled)
        self._has_written = False

    def feed(self, text: str) -> None:
        self._stream.feed(text)
        self._write(self._stream.take_finished())

    def start_again(self) -> None:
        has_shown = self._stream.has_given
        self._stream.finish()
        if has_shown:
            self._writer.line("\n" + self._writer.out.dim(_BROKE_OFF))

    def end_step(self) -> None:
        self._write(self._stream.finish())

    def _write(self, blocks: "Sequence[Block]") -> None:
        for block in blocks:
            separator = "\n" if self._has_written and not block.continues else ""
            self._writer.write(separator + self._typesetter.text([block]))
            self._has_written = True


def report_end(writer: Writer, record: TurnRecord) -> None:
    """Says on standard error why a turn did not come to a plain end, and which calls need approval."""
    report_waiting(writer, [call for call in record.calls.values() if call.needs_approval])
    report_stop(writer, record)


def report_stop(writer: Writer, record: TurnRecord) -> None:
    """Says on standard error why a turn did not come to a plain end."""
    if record.finished and (text := end_text(record.finished)):
        was_cancelled = record.stop_reason is StopReason.CANCELLED
        writer.say(text if was_cancelled else f"{writer.talk.alarm('Error:')} {text}")


def report_waiting(writer: Writer, waiting: "Sequence[CallRecord]") -> None:
    """Says on standard error which calls need approval."""
    if waiting:
        writer.say(writer.talk.yellow("These calls need approval and were not run:"))
        for call in waiting:
            writer.say(f"  {call.title}")
        writer.say("Run it on a terminal to be asked, or allow them with --allow or in ai.tools.allowed.")
