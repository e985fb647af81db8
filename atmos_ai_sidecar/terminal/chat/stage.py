"""What a chat is drawn with: its layout, its keys, its pace. Of sessions and turns it knows only how they look."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from prompt_toolkit.filters import Condition, is_searching
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import merge_key_bindings
from prompt_toolkit.layout import ConditionalContainer, HSplit, Layout, Window
from prompt_toolkit.layout.controls import BufferControl, FormattedTextControl
from prompt_toolkit.layout.processors import BeforeInput
from prompt_toolkit.styles import Style

from atmos_ai_sidecar.domain.questions import columns
from atmos_ai_sidecar.terminal.chat.approval_panel import ApprovalPanel, PanelQuestion
from atmos_ai_sidecar.terminal.chat.composer import MAX_SHOWN_LINES, Composer
from atmos_ai_sidecar.terminal.chat.keys import ChatActions, chat_keys
from atmos_ai_sidecar.terminal.chat.live_turn import LiveTurn, Note, Piece, Row
from atmos_ai_sidecar.terminal.chat.painter import Painter
from atmos_ai_sidecar.terminal.chat.screen import GatedApplication, Screen, reflows
from atmos_ai_sidecar.terminal.chat.session_picker import SessionPicker
from atmos_ai_sidecar.terminal.chat.status import StatusLine
from atmos_ai_sidecar.terminal.chat.stream_input import StreamInput
from atmos_ai_sidecar.terminal.chat.stream_output import StreamOutput, color_depth_of
from atmos_ai_sidecar.terminal.render.cards import cut
from atmos_ai_sidecar.terminal.render.palette import visible
from atmos_ai_sidecar.terminal.render.question_rows import NARROW_COLUMNS

if TYPE_CHECKING:
    from atmos_ai_sidecar.terminal.chat.transcript import Entry
    from atmos_ai_sidecar.terminal.commands.context import CommandContext

FRAME_SECONDS = 1 / 30
CONGESTED_SECONDS = 0.05
TICK_SECONDS = 1.0
ROOMY_ROWS = 16
MOST_WAITING = 4
HANGUP = 129
_STYLE = Style.from_dict(
    {
        "prompt": "bold ansicyan",
        "dim": "ansibrightblack",
        "status": "ansibrightblack",
        "yolo": "bold ansired",
        "running": "ansiyellow",
        "warning": "ansiyellow",
        "waiting": "ansibrightblack italic",
        "question": "bold ansiyellow",
        "key": "reverse",
        "chosen": "bold ansicyan",
        "added": "ansigreen",
        "removed": "ansired",
    }
)


class Stage:
    """Draws a live turn, questions, the composer and a status line, and writes what is final above them."""

    def __init__(
        self,
        context: "CommandContext",
        actions: ChatActions,
        picker: SessionPicker,
        *,
        send: Callable[[str], None],
        wants_names: Callable[[], None],
    ) -> None:
        self._console = console = context.console
        self._clock = context.services.clock
        self._palette = context.writer.out
        self._dirty = asyncio.Event()
        self._live: list[Row] = []
        self._question: list[Row] = []
        self._menu: list[Row] = []
        self._told: set[str] = set()
        self.turn = LiveTurn(clock=self._clock)
        self.panel = ApprovalPanel(self._clock, on_change=self._focus, show_whole=self._show_whole)
        self.picker = picker
        picker.on_change = self._focus
        self.status = StatusLine(clock=self._clock, turn=self.turn, panel=self.panel)
        blocked = Condition(lambda: self.panel.is_asking or self.panel.was_just_answered)
        self.composer = Composer(send=send, is_blocked=blocked, room=self._composer_room, wants_names=wants_names)
        self.composer.buffer.on_text_changed += lambda _buffer: self.panel.typed()
        self.input = StreamInput(console, self._clock)
        depth = color_depth_of(console.environment, has_colors=self._palette.enabled)
        self.output = StreamOutput(console, color_depth=depth)
        keys = chat_keys(actions, self.panel, self.composer, self.turn, picker, press=self.press)
        self.application = GatedApplication(
            is_congested=console.is_congested,
            on_skip=self._dirty.set,
            layout=self._layout(),
            key_bindings=merge_key_bindings([keys, self.composer.key_bindings]),
            style=_STYLE,
            color_depth=depth,
            erase_when_done=True,
            include_default_pygments_style=False,
            min_redraw_interval=0.02,
            terminal_size_polling_interval=None,
            input=self.input,
            output=self.output,
        )
        self.application.ttimeoutlen = 0.05
        self.application.timeoutlen = 0.3
        self.application.before_render += self._lay_out
        self.screen = Screen(self.application, self.output, reflows=reflows(console.environment))
        self._painter = Painter(self._palette, width=self.screen.columns)

    # Its life.

    async def run(self) -> int:
        """Runs until somebody leaves; 129 when the terminal has gone."""
        self._console.on_resize(self.resize)
        try:
            # prompt_toolkit would replace the loop's handlers and leave them broken after two chats in one process.
            return await self.application.run_async(handle_sigint=False, set_exception_handler=False)
        except EOFError:
            return HANGUP
        finally:
            self.turn.stop()
            if pieces := self.turn.take_pieces():
                self.screen.write_above(self._painter.text(pieces))

    def work(self) -> Sequence[Coroutine[Any, Any, None]]:
        """What has to go on while it runs."""
        return (self.input.run(), self._pace(), self._tick())

    async def prepare(self) -> None:
        """Loads what finished text is set with, in a thread; without it the first that needs it stops the chat."""
        if not self._painter.is_prepared:
            await asyncio.to_thread(self._painter.prepare)

    def leave(self, code: int) -> None:
        """Ends the chat with an exit code; the first one counts."""
        if self.application.is_running and not self.application.is_done:
            self.application.exit(result=code)

    # What it shows.

    def wake(self) -> None:
        """Something has changed; it is drawn with the next frame."""
        self._dirty.set()

    def add(self, piece: Piece) -> None:
        """Puts something of ours above the composer, after what was said before."""
        self.turn.add(piece)
        self.wake()

    def hint(self, text: str) -> None:
        self.status.hint(text)
        self.wake()

    def show_header(self, lines: Sequence[str]) -> None:
        self._flush()
        self.screen.write_above(self._painter.header(lines))

    def show_past(self, past: "Sequence[Entry]") -> None:
        if past:
            self.turn.outputs.add(past)
            self.screen.write_above(self._painter.text(past))

    def ask(self, question: PanelQuestion) -> None:
        """Shows a question."""
        self.picker.close()
        self.panel.ask(question)
        self.wake()

    def press(self, key: str) -> None:
        """A character while a question is shown: an answer, or, when it comes too early, part of the draft."""
        is_draft, is_answer = bool(self.composer.buffer.text), self.panel.knows(key)
        is_taken = self.panel.press(key, is_alone=self.input.keys_in_piece == 1)
        if not is_taken and is_draft and key.isprintable():
            self.composer.buffer.insert_text(key)
        elif not is_taken and is_answer:
            self.status.hint(f"too soon: press {key} again")
        self.wake()

    def _show_whole(self, question: PanelQuestion) -> None:
        self.add(Note(text=f"{question.title}\n{visible(question.whole)}"))

    def clear(self) -> None:
        self.screen.clear()

    def resize(self) -> None:
        self._painter.resize(self.screen.columns)
        for window in (self._reason_window, self._picker_window):
            window.horizontal_scroll = 0  # what a narrower screen had scrolled away
        self.screen.resize()

    async def suspend(self) -> None:
        """Stops as Ctrl-Z does, and goes on where it was."""
        await self.screen.suspend(self._console.suspend)
        self.wake()

    # Inside.

    async def _pace(self) -> None:
        """Draws what has changed, at most thirty times a second, and nothing for a terminal that takes nothing."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            while self._console.is_congested():
                await self._clock.sleep(CONGESTED_SECONDS)
            if not self.screen.is_suspended:
                self._flush()
            await self._clock.sleep(FRAME_SECONDS)

    async def _tick(self) -> None:
        """Moves the elapsed time. Nothing is written to an idle terminal: that would end a selection."""
        while True:
            await self._clock.sleep(TICK_SECONDS)
            if self.status.is_moving:
                self.wake()

    def _flush(self) -> None:
        if pieces := self.turn.take_pieces():
            self.screen.write_above(self._painter.text(pieces))
        else:
            self.application.invalidate()

    def _focus(self) -> None:
        wanted = self.composer.window
        if self.panel.is_reasoning:
            wanted = self._reason_window
        elif self.picker.is_open:
            wanted = self._picker_window
        if not is_searching() and self.application.layout.current_window is not wanted:
            self.application.layout.focus(wanted)

    def _reason_prompt(self) -> str:
        return "Why not? (Enter: no reason) " if self.screen.columns >= NARROW_COLUMNS else "Why not? "

    def _picker_prompt(self) -> str:
        """What is asked for, with room left for what is typed."""
        width = self.screen.columns
        return cut(self.picker.prompt, width - 3 if self.picker.wants_yes else width * 2 // 3)

    def _layout(self) -> Layout:
        self._reason_window = Window(
            BufferControl(self.panel.reason, input_processors=[BeforeInput(self._reason_prompt)]), height=1
        )
        self._picker_window = Window(
            BufferControl(
                self.picker.input,
                input_processors=[BeforeInput(lambda: [("class:prompt", f"{self._picker_prompt()}: ")])],
            ),
            height=1,
        )
        is_picking = Condition(lambda: self.picker.is_open)
        status = FormattedTextControl(lambda: _fragments([self.status.row(self.screen.columns)]))
        body = HSplit(
            [
                _rows(lambda: self._live),
                _rows(lambda: self._question),
                ConditionalContainer(Window(height=1), filter=Condition(lambda: self._margin() > 0)),
                ConditionalContainer(self._reason_window, filter=Condition(lambda: self.panel.is_reasoning)),
                ConditionalContainer(self._picker_window, filter=is_picking),
                ConditionalContainer(self.composer.container, filter=~is_picking),
                _rows(lambda: self._menu),
                Window(status, height=1),
                Window(),  # takes the rows that are left, so that nothing above stretches
            ]
        )
        return Layout(body, focused_element=self.composer.window)

    def _lay_out(self, _sender: object) -> None:
        """Shares the rows out before each frame: the composer first, then the question, then what moves."""
        width = self.screen.columns
        self._menu = self._menu_rows(width)
        if self.picker.is_open:
            self._question, self._live = [], self.picker.rows(width, self._question_room())
            return
        self._question = self.panel.rows(width, self._question_room()) if self.panel.count else []
        if self.panel.current is not None and self.panel.is_cut:
            self._tell_whole(self.panel.current)
        waiting = self._waiting_rows(width)
        limit = self._question_room() - len(self._question)
        rows = self.turn.rows(self._painter, width, max(limit - len(waiting), 0))
        self._live = [*rows, *waiting][: max(limit, 0)]

    def _waiting_rows(self, width: int) -> list[Row]:
        """The messages that wait or were never sent; of many the newest, which Up brings back first."""
        composer = self.composer
        texts = [*(("not sent", text) for text in composer.unsent), *(("next", text) for text in composer.waiting)]
        hidden = len(texts) - MOST_WAITING if len(texts) > MOST_WAITING + 1 else 0
        lines = [f"{state}: {visible(text.strip().splitlines()[0])}" for state, text in texts[hidden:]]
        more = [f"{texts[0][0]}: … {hidden} more, then"] if hidden else []
        return [[("class:waiting", cut(line, width))] for line in [*more, *lines]]

    def _tell_whole(self, question: PanelQuestion) -> None:
        """Puts a question that does not fit the screen, or no longer does, into the scrollback, once."""
        if question.id not in self._told:
            self._told.add(question.id)
            self.add(Note(text="\n".join([question.title, *question.body(self.screen.columns)])))

    def _menu_rows(self, width: int) -> list[Row]:
        completion = self.composer.completion
        is_shown = completion.is_open and not self.panel.count and not self.picker.is_open
        return completion.rows(width)[: self.screen.rows // 2] if is_shown else []

    def _composer_room(self) -> int:
        return max(1, min(MAX_SHOWN_LINES, self.screen.rows // 3))

    def _composer_rows(self) -> int:
        width = self.screen.columns
        lines = self.composer.buffer.text.split("\n", MAX_SHOWN_LINES)
        needed = sum(1 + (columns(line[: width * MAX_SHOWN_LINES]) + 2) // width for line in lines)
        return min(needed, self._composer_room())

    def _question_room(self) -> int:
        composer = 1 if self.picker.is_open else self._composer_rows() + len(self._menu)
        return max(self.screen.rows - 1 - composer - self.panel.is_reasoning - self._margin(), 0)

    def _margin(self) -> int:
        """A blank row above the composer, where there is room for it."""
        return int(self.screen.rows >= ROOMY_ROWS)


def _rows(rows: Callable[[], list[Row]]) -> ConditionalContainer:
    control = FormattedTextControl(lambda: _fragments(rows()))
    return ConditionalContainer(Window(control, dont_extend_height=True), filter=Condition(lambda: bool(rows())))


def _fragments(rows: Sequence[Row]) -> StyleAndTextTuples:
    fragments: StyleAndTextTuples = []
    for number, row in enumerate(rows):
        fragments += [("", "\n"), *row] if number else row
    return fragments
