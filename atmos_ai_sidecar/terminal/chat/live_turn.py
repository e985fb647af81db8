"""The turn that runs: which of it is final, and what is still moving."""

from dataclasses import field
from typing import TYPE_CHECKING, Protocol

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.domain.events import (
    ModelRetrying,
    Notice,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ToolCallFinished,
    ToolCallOutput,
    ToolCallStarted,
    TurnEvent,
    TurnFinished,
    TurnStarted,
    UsageReported,
)
from atmos_ai_sidecar.domain.messages import ToolCall, Usage
from atmos_ai_sidecar.domain.questions import sanitised
from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.terminal.chat.tool_outputs import ToolOutputs
from atmos_ai_sidecar.terminal.chat.transcript import ToolRan, UserSaid
from atmos_ai_sidecar.terminal.render.cards import cut, running_card
from atmos_ai_sidecar.terminal.render.ends import end_text
from atmos_ai_sidecar.terminal.render.outputs import language_of
from atmos_ai_sidecar.terminal.render.palette import visible

if TYPE_CHECKING:
    from atmos_ai_sidecar.terminal.render.markdown_stream import Block, MarkdownStream
    from atmos_ai_sidecar.terminal.render.typesetter import Typesetter

Row = list[tuple[str, str]]


class _Setting(Protocol):
    """Has what sets Markdown, which takes long to import the first time."""

    @property
    def typesetter(self) -> "Typesetter": ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Words of ours: ``tone`` is plain, dim, warning or error."""

    text: str
    tone: str = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A finished part of an answer."""

    block: "Block"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expanded:
    """All of what a tool printed."""

    ran: ToolRan


Piece = UserSaid | Said | ToolRan | Expanded | Note


@dataclass(slots=True, kw_only=True)
class _Running:
    call: ToolCall
    title: str
    started: float
    output: str = ""


@dataclass(slots=True, kw_only=True)
class LiveTurn:
    """Takes events; gives pieces that are final once, and rows that are drawn again and again."""

    clock: Clock
    is_working: bool = False
    activity: str = ""
    usage: Usage = field(default_factory=Usage)
    """Of the turn so far."""
    prompt_tokens: int = 0
    """What the newest request and its answer had; 0 before the first one."""
    outputs: ToolOutputs = field(default_factory=ToolOutputs)
    _started: float = 0.0
    _pieces: list[Piece] = field(default_factory=list)
    _calls: dict[str, _Running] = field(default_factory=dict)
    _retry: str = ""
    _text: "MarkdownStream | None" = None

    def begin(self) -> None:
        """A message is on its way."""
        self.is_working, self.activity, self._started = True, "working", self.clock.monotonic()
        self.usage = Usage()

    def stop(self) -> None:
        """No turn runs any more."""
        self._end_text()
        self.is_working, self.activity, self._retry = False, "", ""
        self._calls.clear()

    @property
    def elapsed_seconds(self) -> float:
        return self.clock.monotonic() - self._started

    def add(self, piece: Piece) -> None:
        """Puts something of ours in its place between what was said."""
        self._pieces.append(piece)
        self.outputs.add((piece,))

    def take(self, event: TurnEvent) -> None:
        """Takes one event in."""
        if not isinstance(event, UsageReported):
            self._retry = ""
        match event:
            case TurnStarted():
                self.begin()
                self.add(UserSaid(text=event.user_message))
            case TextDelta():
                self.activity = "answering"
                self._stream().feed(event.text)
            case ThinkingDelta():
                self.activity = "thinking"
            case ModelRetrying():
                self._start_again(event)
            case Notice():
                self.add(Note(text=sanitised(event.message), tone="warning"))
            case ToolCallStarted():
                self._end_text()
                self.activity = "working"
                self._calls[event.tool_call.id] = _Running(
                    call=event.tool_call, title=event.title, started=self.clock.monotonic()
                )
            case ToolCallOutput():
                self._note_output(event)
            case ToolCallFinished():
                self._end_call(event)
            case UsageReported():
                self.prompt_tokens = event.usage.total_tokens - self.usage.total_tokens
                self.usage = event.usage
            case TurnFinished():
                self._end_turn(event)

    def take_pieces(self) -> list[Piece]:
        """Everything that became final since the last time."""
        if self._text is not None:
            self._pieces += [Said(block=block) for block in self._text.take_finished()]
        pieces, self._pieces = self._pieces, []
        return pieces

    def rows(self, setting: "_Setting", columns: int, limit: int) -> list[Row]:
        """What is moving, at most ``limit`` rows of it: the newest."""
        now, rows = self.clock.monotonic(), list[Row]()
        tail = self._text.tail() if self._text is not None and limit > 0 else None
        if tail is not None:
            rows += [*([] if tail.continues else [list[tuple[str, str]]()]), *setting.typesetter.rows(tail, limit)]
        for call in self._calls.values():
            rows.append([("class:running", running_card(call.title, now - call.started, width=columns))])
            if call.output:
                rows.append([("class:dim", cut(f"  {call.output}", columns))])
        if self._retry:
            rows.append([("class:warning", cut(self._retry, columns))])
        return rows[-limit:] if limit > 0 else []

    def _start_again(self, event: ModelRetrying) -> None:
        self.activity = "waiting"
        self._retry = f"{sanitised(event.message)} Trying again in {event.delay_seconds:.0f} s."
        if self._text is not None:
            if self._text.has_given:
                self.add(Note(text="(The answer broke off and starts again.)", tone="dim"))
            self._text = None

    def _note_output(self, event: ToolCallOutput) -> None:
        lines = event.piece.text.strip().splitlines()
        if lines and event.tool_call_id in self._calls:
            self._calls[event.tool_call_id].output = sanitised(lines[-1])

    def _end_call(self, event: ToolCallFinished) -> None:
        call = self._calls.pop(event.tool_result.tool_call_id, None)
        result = event.tool_result.result
        language = language_of(call.call.input if call else {}, result)
        self.add(ToolRan(title=call.title if call else "", result=result, language=language))

    def _end_turn(self, event: TurnFinished) -> None:
        self.stop()
        text = end_text(event)
        if text:
            is_quiet = event.stop_reason in {StopReason.CANCELLED, StopReason.INTERRUPTED}
            self.add(Note(text=visible(text), tone="dim" if is_quiet else "error"))

    def _end_text(self) -> None:
        if self._text is not None:
            self._pieces += [Said(block=block) for block in self._text.finish()]
            self._text = None

    def _stream(self) -> "MarkdownStream":
        if self._text is None:
            # The Markdown parser is not needed before somebody has said something.
            from atmos_ai_sidecar.terminal.render.markdown_stream import MarkdownStream  # noqa: PLC0415

            self._text = MarkdownStream()
        return self._text
