"""What the rules need to know of a request: questions, calls with their results, tools. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from atmos_ai_sidecar.demo.offline_model.history_rules import blocks_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One call of a tool and what came back."""

    tool: str
    input: Mapping[str, Any]
    output: str
    is_error: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A request as the rules see it."""

    questions: tuple[str, ...]
    """What the user said, oldest first; the last one is to be answered."""

    outcomes: tuple[Outcome, ...]
    """The calls made for the last question."""

    earlier: tuple[Outcome, ...]
    """The calls made for the questions before it."""

    tools: frozenset[str]
    """Names of the tools that may be called."""

    inputs: Mapping[str, Mapping[str, Any]]
    """The JSON Schema of the input of each of them."""

    def outcome(self, tool: str, wanted: Mapping[str, Any]) -> Outcome | None:
        """Return the latest result of exactly this call, if it was made for the last question."""
        same = [one for one in self.outcomes if one.tool == tool and one.input == wanted]
        return same[-1] if same else None


def read(request: Mapping[str, Any]) -> Conversation:
    """Return the view on a valid request."""
    questions: list[str] = []
    outcomes: list[Outcome] = []
    earlier: list[Outcome] = []
    asked: dict[str, Mapping[str, Any]] = {}
    for message in request["messages"]:
        blocks = blocks_of(message["content"])
        if message["role"] == "assistant":
            asked = {block["id"]: block for block in blocks if block["type"] == "tool_use"}
            continue
        outcomes += _outcomes(blocks, asked)
        said = "\n".join(block["text"] for block in blocks if block["type"] == "text")
        if said:
            questions.append(said)
            earlier += outcomes
            outcomes = []
    is_forbidden = request.get("tool_choice", {}).get("type") == "none"
    inputs = {} if is_forbidden else {tool["name"]: tool.get("input_schema", {}) for tool in request.get("tools", ())}
    return Conversation(
        questions=tuple(questions),
        outcomes=tuple(outcomes),
        earlier=tuple(earlier),
        tools=frozenset(inputs),
        inputs=inputs,
    )


def _outcomes(blocks: list[Any], asked: Mapping[str, Mapping[str, Any]]) -> Iterator[Outcome]:
    for block in blocks:
        if block["type"] == "tool_result" and block["tool_use_id"] in asked:
            call = asked[block["tool_use_id"]]
            parts = [part.get("text", "") for part in blocks_of(block.get("content", ""))]
            yield Outcome(
                tool=call["name"],
                input=call["input"],
                output="\n".join(parts),
                is_error=block.get("is_error", False),
            )
