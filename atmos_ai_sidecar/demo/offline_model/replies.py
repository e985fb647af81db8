"""What the offline model can be told to say, and how it may fail while saying it. Pure values."""

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from dataclasses import fields as fields_of
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Text:
    """Text; neighbouring texts, with nothing but waiting between them, are one block."""

    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """A whole thinking block. Without a signature it gets the true one."""

    text: str
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class RedactedThinking:
    """A thinking block that the model keeps to itself."""

    data: str


@dataclass(frozen=True, slots=True)
class ToolUse:
    """One call of a tool."""

    name: str
    input: Mapping[str, Any] = field(default_factory=dict)
    id: str | None = None
    """Unique in the conversation when it is left out."""

    json_pieces: tuple[str, ...] | None = None
    """What to stream instead of `input`: JSON split where a test wants it, or no JSON at all."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait before going on."""

    seconds: float


@dataclass(frozen=True, slots=True)
class WaitFor:
    """Wait until the test opens the gate of this name."""

    gate: str


@dataclass(frozen=True, slots=True)
class Silence:
    """Say nothing more and keep the connection open until the client leaves."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Close the connection in the middle of the answer."""


@dataclass(frozen=True, slots=True)
class StreamError:
    """An error event inside a stream that began well; ends the stream."""

    type: str = "overloaded_error"
    message: str = "Overloaded"


Step = Text | Thinking | RedactedThinking | ToolUse | Pause | WaitFor | Silence | Cut | StreamError
StopReason = Literal[
    "end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "model_context_window_exceeded"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as the API counts them: `input_tokens` excludes what was read from or written to the cache."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the model, step by step."""

    steps: tuple[Step, ...]
    stop_reason: StopReason | None = None
    """Left out, it is what the steps imply: `tool_use` or `end_turn`."""

    stop_sequence: str | None = None
    usage: Usage | None = None
    """Left out, it is counted."""

    before: Pause | WaitFor | None = None
    """What happens before the first byte, status line included."""

    piece_delay_seconds: float | None = None
    """Left out, it is the server's."""

    write_bytes: int | None = None
    """Send the body in writes of so many bytes, which splits events, lines and UTF-8 characters."""

    cut_after_bytes: int | None = None
    """Close the connection after so many bytes of the body."""

    content_type: str | None = None
    """Lie about the content type."""

    @property
    def stops_for(self) -> StopReason:
        """The stop reason that is sent."""
        if self.stop_reason is not None:
            return self.stop_reason
        return "tool_use" if any(isinstance(step, ToolUse) for step in self.steps) else "end_turn"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpError:
    """An error instead of an answer, such as 429 with Retry-After, 500 or 529."""

    status: int
    type: str = ""
    """Left out, it is the API's own type for this status."""

    message: str = "scripted failure"
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    """Anything else that may come over HTTP: a proxy's page, an empty body."""

    body: bytes
    status: int = 200
    content_type: str = "text/html"


Answer = Reply | HttpError | RawAnswer


class Script:
    """A queue of answers for `POST /v1/messages`; each valid request takes the next one."""

    def __init__(self, *answers: Answer | str, then: Literal["refuse", "rules"] = "refuse") -> None:
        """Begin with `answers`; a string is short for a reply of this text.

        Args:
            answers: The first answers.
            then: What happens when none is left: refuse with 400, which no client retries, or follow the rules.
        """
        self._answers: deque[Answer] = deque()
        self.then = then
        self.add(*answers)

    def add(self, *answers: Answer | str) -> None:
        """Append more answers."""
        self._answers.extend(Reply((Text(answer),)) if isinstance(answer, str) else answer for answer in answers)

    def take(self) -> Answer | None:
        """Remove and return the next answer, if there is one."""
        return self._answers.popleft() if self._answers else None

    def __len__(self) -> int:
        """Say how many answers are left."""
        return len(self._answers)

    @classmethod
    def from_json(cls, text: str) -> "Script":
        """Read `{"then"?: …, "answers": […]}` or just the array; see `answer_from_json`.

        Raises:
            ValueError: The text is no such script; the message names the place.
        """
        document = json.loads(text)
        if isinstance(document, list):
            document = {"answers": document}
        return cls(*map(answer_from_json, document["answers"]), then=document.get("then", "refuse"))


def answer_from_json(value: Any) -> Answer | str:
    """Read one answer: a text, `{"steps": […], …}`, `{"http_error": {…}}` or `{"raw": {…}}`.

    A step is a string (text) or an object with one key, the kind of step in snake case: `{"tool_use": {"name": …}}`,
    `{"wait_for": "gate"}`, `{"cut": {}}`. A value that is no object is the first argument.

    Raises:
        ValueError: It is none of these.
    """
    if isinstance(value, str):
        return value
    fields = dict(value) if isinstance(value, dict) else {}
    if "http_error" in fields:
        return HttpError(**_fields(HttpError, fields["http_error"]))
    if "raw" in fields:
        raw = _fields(RawAnswer, fields["raw"])
        return RawAnswer(**{**raw, "body": str(raw.get("body", "")).encode()})
    if "steps" not in fields:
        raise ValueError(f"this is no answer of a script: {value!r}")
    fields["steps"] = tuple(map(step_from_json, fields["steps"]))
    if "before" in fields:
        fields["before"] = step_from_json(fields["before"])
    if "usage" in fields:
        fields["usage"] = Usage(**_fields(Usage, fields["usage"]))
    return Reply(**_fields(Reply, fields))


_STEPS: Mapping[str, Callable[..., Any]] = {
    "text": Text,
    "thinking": Thinking,
    "redacted_thinking": RedactedThinking,
    "tool_use": ToolUse,
    "pause": Pause,
    "wait_for": WaitFor,
    "silence": Silence,
    "cut": Cut,
    "stream_error": StreamError,
}


def step_from_json(value: Any) -> Any:
    """Read one step as `answer_from_json` describes it.

    Raises:
        ValueError: It is no step.
    """
    if isinstance(value, str):
        return Text(value)
    if not isinstance(value, dict) or len(value) != 1 or not value.keys() <= _STEPS.keys():
        raise ValueError(f"this is no step of an answer: {value!r}")
    ((kind, argument),) = value.items()
    if not isinstance(argument, dict):
        return _STEPS[kind](argument)
    if isinstance(argument.get("json_pieces"), list):
        argument = {**argument, "json_pieces": tuple(argument["json_pieces"])}
    return _STEPS[kind](**_fields(_STEPS[kind], argument))


def _fields(kind: Any, given: Any) -> dict[str, Any]:
    """Return the fields that were given, if `kind` has them all."""
    known = {field.name for field in fields_of(kind)}
    if not isinstance(given, dict) or not given.keys() <= known:
        raise ValueError(f"{kind.__name__} has the fields {', '.join(sorted(known))}, not {given!r}")
    return given


def texts(steps: Iterable[Step]) -> str:
    """Return everything that the steps say, think or ask, as the tokens are counted on it."""
    said = []
    for step in steps:
        match step:
            case Text(text) | Thinking(text):
                said.append(text)
            case ToolUse():
                said.append(step.name + json.dumps(dict(step.input)))
            case _:
                pass
    return "".join(said)
