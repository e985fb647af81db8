"""Where the user writes: a draft with history, big pastes as placeholders, and messages that wait."""

from collections.abc import Callable, Iterable

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition, Filter, has_focus, is_searching
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import ConditionalContainer, Dimension, HSplit, Window
from prompt_toolkit.layout.controls import BufferControl, SearchBufferControl
from prompt_toolkit.layout.processors import BeforeInput, TabsProcessor

from atmos_ai_sidecar.terminal.chat.completion import Completion, Words

MAX_SHOWN_CHARACTERS = 2000
MAX_SHOWN_LINES = 8
"""A paste beyond that is a placeholder: drawn in full, one long line costs half a second a key."""


class Composer:
    """The draft, at most ``room`` rows high. ``send`` gets the text with every paste in full."""

    def __init__(
        self,
        *,
        send: Callable[[str], None],
        is_blocked: Filter,
        room: Callable[[], int],
        wants_names: Callable[[], None] = lambda: None,
    ) -> None:
        """Wires the composer; ``wants_names`` is told when somebody begins to name something of the project."""
        self._send = send
        self._pastes: dict[str, str] = {}
        self.on_change: Callable[[], None] = lambda: None
        """Called when something that is not sent yet is other than before."""
        self.waiting: list[str] = []
        """Messages that are sent when the turn has ended; the newest can be edited again."""
        self.unsent: list[str] = []
        """Messages of a chat that broke. They are never sent by themselves."""
        self.sending = ""
        """The message that is on its way into the session."""
        self._history = InMemoryHistory()
        self.buffer = Buffer(history=self._history, multiline=True, enable_history_search=True)
        self.words = Words()
        self.completion = Completion(buffer=self.buffer, words=self.words, wants=wants_names)
        self.buffer.on_text_insert += lambda _buffer: self.completion.update()
        self.buffer.on_text_changed += lambda _buffer: self.completion.narrow()
        self.buffer.on_text_changed += lambda _buffer: self.on_change()
        search = SearchBufferControl(
            buffer=Buffer(multiline=False), input_processors=[BeforeInput([("class:dim", "search: ")])]
        )
        self.window = Window(
            BufferControl(
                self.buffer,
                input_processors=[BeforeInput([("class:prompt", "> ")]), TabsProcessor(char1=" ", char2=" ")],
                search_buffer_control=search,
                preview_search=True,
            ),
            height=lambda: Dimension(min=1, max=room()),
            wrap_lines=True,
            dont_extend_height=True,
        )
        self.container = HSplit([self.window, ConditionalContainer(Window(search, height=1), filter=is_searching)])
        self.key_bindings = self._bindings(has_focus(self.buffer) & ~is_blocked)

    def remember(self, texts: Iterable[str]) -> None:
        """Adds what was said before to the history, oldest first; what is known already stays in its place."""
        known = set(self._history.get_strings())
        for text in texts:
            if text not in known:
                self._history.append_string(self._folded(text))
        self.buffer.reset(self.buffer.document)  # a buffer takes its history over only when it begins anew

    @property
    def draft(self) -> str:
        """What is typed, with every paste in full."""
        text = self.buffer.text
        for name, paste in self._pastes.items():
            text = text.replace(name, paste)
        return text

    def take_back(self, messages: Iterable[str], draft: str) -> None:
        """Gives back what was not sent: the draft before what is typed already, the messages when asked for."""
        self.unsent += messages
        if draft.strip():
            self.put_back(draft)
        self.on_change()

    def queue(self, text: str, *, is_next: bool = False) -> None:
        """Lets a message wait, behind the others or before them."""
        self.waiting.insert(0 if is_next else len(self.waiting), text)
        self.on_change()

    def put_back(self, text: str) -> None:
        """Gives a message back that could not be sent."""
        draft = self.buffer.text
        self.buffer.text = self._folded(text) + (f"\n{draft}" if draft else "")
        self.buffer.cursor_position = len(self.buffer.text)

    def insert(self, text: str) -> None:
        """Puts a paste where the cursor is, without the NULs that no store takes."""
        self.buffer.insert_text(self._folded(text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")))

    def take_waiting(self) -> str | None:
        """The message that is next; it is ``sending`` until ``sent`` is called."""
        text = self.waiting.pop(0) if self.waiting else None
        self.sending = text or ""
        return text

    def sent(self) -> None:
        """The message that was on its way has arrived, or was put back."""
        self.sending = ""
        self.on_change()

    def _folded(self, text: str) -> str:
        """The text, or a placeholder for it when it is big."""
        if len(text) <= MAX_SHOWN_CHARACTERS and text.count("\n") <= MAX_SHOWN_LINES:
            return text
        name = f"[Pasted text #{len(self._pastes) + 1}: {len(text)} characters, {text.count(chr(10)) + 1} lines]"
        self._pastes[name] = text
        return name

    def _enter(self) -> None:
        """Takes what the menu offers, or sends the draft; a command that was chosen is run at once."""
        if not self.completion.is_open or self.completion.accept():
            self._accept()

    def _accept(self) -> None:
        text = self.draft
        if text.strip():
            self.buffer.reset(append_to_history=True)
            self._send(text)

    def _bindings(self, is_active: Filter) -> KeyBindings:
        bindings = KeyBindings()
        self._bind_menu(bindings, is_active)
        is_empty = Condition(lambda: not self.buffer.text)
        has_waiting = Condition(lambda: bool(self.waiting or self.unsent))

        @bindings.add("enter", filter=is_active)
        def _send(_event: KeyPressEvent) -> None:
            self._enter()

        @bindings.add("escape", "enter", filter=is_active)
        @bindings.add("c-j", filter=is_active)
        def _new_line(_event: KeyPressEvent) -> None:
            self.buffer.insert_text("\n")

        @bindings.add("up", filter=is_active & is_empty & has_waiting)
        def _edit_waiting(_event: KeyPressEvent) -> None:
            self.put_back((self.waiting or self.unsent).pop())

        @bindings.add(Keys.BracketedPaste, filter=has_focus(self.buffer))
        def _paste(event: KeyPressEvent) -> None:
            self.insert(event.data)

        return bindings

    def _bind_menu(self, bindings: KeyBindings, is_active: Filter) -> None:
        has_menu = Condition(lambda: self.completion.is_open)

        @bindings.add("tab", filter=is_active & has_menu)
        def _complete(_event: KeyPressEvent) -> None:
            self.completion.accept()

        @bindings.add("up", filter=is_active & has_menu)
        def _previous(_event: KeyPressEvent) -> None:
            self.completion.move(-1)

        @bindings.add("down", filter=is_active & has_menu)
        def _next(_event: KeyPressEvent) -> None:
            self.completion.move(1)

        @bindings.add("escape", filter=is_active & has_menu)
        def _close(_event: KeyPressEvent) -> None:
            self.completion.close()
