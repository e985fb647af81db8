"""What the keys of a chat do, but for those that edit the draft."""

from collections.abc import Callable

from prompt_toolkit.filters import Condition, Filter, has_focus, is_searching
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.search import stop_search

from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.terminal.chat.approval_panel import ApprovalPanel
from atmos_ai_sidecar.terminal.chat.composer import Composer
from atmos_ai_sidecar.terminal.chat.live_turn import LiveTurn
from atmos_ai_sidecar.terminal.chat.session_picker import PickerMode, SessionPicker


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatActions:
    """What a key can ask of the chat."""

    interrupt: Callable[[], None]
    cancel: Callable[[], None]
    is_running_command: Callable[[], bool]
    leave: Callable[[], None]
    suspend: Callable[[], None]
    pick_session: Callable[[], None]
    show_output: Callable[[], None]
    toggle_read_only: Callable[[], None]


def chat_keys(
    actions: ChatActions,
    panel: ApprovalPanel,
    composer: Composer,
    turn: LiveTurn,
    picker: SessionPicker,
    *,
    press: Callable[[str], None],
) -> KeyBindings:
    """The bindings that hold in the whole chat; ``press`` gets the characters while a question is shown."""
    bindings = KeyBindings()
    asking = Condition(lambda: panel.is_asking)
    reasoning = has_focus(panel.reason)
    answered = Condition(lambda: panel.was_just_answered)
    working = Condition(lambda: turn.is_working or actions.is_running_command())
    empty = Condition(lambda: not composer.buffer.text)

    def bind(key: Keys | str, action: Callable[[], None], when: Filter) -> None:
        @bindings.add(key, filter=when)
        def _act(_event: KeyPressEvent) -> None:
            action()

    always, picking = Condition(lambda: True), has_focus(picker.input)
    bind("c-c", actions.interrupt, ~is_searching)
    bind("c-c", stop_search, is_searching)
    bind("c-z", actions.suspend, always)
    for flow_control in ("c-s", "c-q"):  # pressed out of habit; a search that they began would swallow what follows
        bind(flow_control, lambda: None, always)
    bind("c-l", actions.pick_session, ~picking & ~asking & ~reasoning)
    bind("c-o", actions.show_output, always)
    bind(Keys.BackTab, actions.toggle_read_only, always)
    bind("c-d", actions.leave, empty & ~reasoning & ~picking)
    bind("escape", actions.cancel, (working | asking) & ~reasoning & ~is_searching & ~picking)
    bind("escape", panel.take_back, reasoning)
    bind("enter", lambda: None, (asking | answered) & ~reasoning)
    bind("enter", panel.give_reason, reasoning)

    @bindings.add(Keys.Any, filter=asking & ~is_searching)
    def _press(event: KeyPressEvent) -> None:
        press(event.data)

    _bind_picker(bind, picker, picking)

    @bindings.add(Keys.Any, filter=picking & Condition(lambda: picker.wants_yes))
    def _confirm(event: KeyPressEvent) -> None:
        picker.answer(event.data)

    return bindings


def _bind_picker(
    bind: Callable[[Keys | str, Callable[[], None], Filter], None], picker: SessionPicker, picking: Filter
) -> None:
    bind("up", lambda: picker.move(-1), picking)
    bind("down", lambda: picker.move(1), picking)
    bind("enter", picker.enter, picking)
    bind("escape", picker.step_back, picking)
    bind("c-c", picker.close, picking)
    bind("c-l", picker.close, picking)
    bind("c-r", lambda: picker.begin(PickerMode.RENAME), picking)
    bind("c-x", lambda: picker.begin(PickerMode.DELETE), picking)
    bind("c-t", lambda: picker.begin(PickerMode.CLEAN), picking)
