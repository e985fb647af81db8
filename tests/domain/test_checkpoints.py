from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from atmos_ai_sidecar.domain import checkpoints
from atmos_ai_sidecar.domain.checkpoints import (
    Checkpoint,
    checkpoint_from_values,
    checkpoint_markdown,
    checkpoint_values,
)
from atmos_ai_sidecar.domain.messages import Message, Role, Text, Thinking, ToolCall, ToolResult, Usage
from atmos_ai_sidecar.domain.sessions import ContextItem
from atmos_ai_sidecar.domain.tools import Result
from atmos_ai_sidecar.errors import InvalidFieldError

START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
CHECKPOINT = Checkpoint(
    name="vpc-refactor",
    provider="anthropic",
    model="claude-sonnet-5-5",
    project_path="/home/ada/infra",
    create_time=START,
    update_time=START + timedelta(hours=1),
    metadata={"ticket": "OPS-1"},
    messages=(
        Message(role=Role.USER, blocks=(Text(text="größe 🦀\r\n"),), create_time=START, turn_id="turn-1", author="ada"),
        Message(
            role=Role.ASSISTANT,
            blocks=(
                Thinking(thinking="hm", signature="c2ln"),
                Text(text="I look."),
                ToolCall(id="toolu_1", name="atmos_list_stacks", input={"deep": [1, None, {"ü": 1.5}]}),
            ),
            create_time=START,
            usage=Usage(input_tokens=1, output_tokens=2),
        ),
        Message(
            role=Role.USER,
            blocks=(ToolResult(tool_call_id="toolu_1", result=Result(success=True, output="a\nb")),),
            create_time=START,
        ),
    ),
    context_items=(
        ContextItem(context_type="stack", context_key="ue1-prod", context_value="v"),
        ContextItem(context_type="atmos", context_key="working_directory", context_value="/home/ada/infra"),
        ContextItem(context_type="file_accessed", context_key="stacks/a.yaml", context_value=""),
    ),
)


def values() -> dict[str, Any]:
    return checkpoint_values(CHECKPOINT, START)


def atmos_values() -> dict[str, Any]:
    """What Atmos itself writes."""
    return {
        "version": "1.0",
        "exported_at": "2026-08-21T12:00:00.123456789+02:00",
        "exported_by": "ada",
        "session": {
            "name": "atmos",
            "provider": "openai",
            "model": "gpt",
            "skill": "atmos-terraform",
            "project_path": ".",
            "created_at": "2026-08-21T12:00:00Z",
            "updated_at": "2026-08-21T12:00:00.123456789+02:00",
            "metadata": {"a": 1},
        },
        "messages": [
            {"role": "user", "content": "hi", "created_at": "2026-08-21T12:00:00Z", "archived": True},
            {"role": "system", "content": "note", "created_at": "2026-08-21T12:00:00Z"},
            {"role": "assistant", "content": "hello", "created_at": "2026-08-21T12:00:00Z"},
        ],
        "context": {"files_accessed": ["a.yaml"], "working_directory": "/x", "project_instructions": "Be brief."},
        "statistics": {"message_count": 3, "user_messages": 1, "assistant_messages": 1},
    }


def test_a_session_comes_back_as_it_was() -> None:
    assert checkpoint_from_values(values()) == CHECKPOINT


def test_the_file_has_what_atmos_asks_for() -> None:
    found = values()
    assert (found["version"], found["exported_by"]) == ("1.0", "atmos-ai-sidecar")
    assert set(found["session"]) >= {"name", "provider", "model", "project_path", "created_at", "updated_at"}
    assert found["messages"][0] == {
        "role": "user",
        "content": "größe 🦀\r\n",
        "created_at": "2026-01-02T03:04:05.678901Z",
        "turn_id": "turn-1",
        "author": "ada",
    }
    assert found["context"]["files_accessed"] == ["stacks/a.yaml"]
    assert found["context"]["working_directory"] == "/home/ada/infra"
    assert found["statistics"] == {
        "message_count": 3, "user_messages": 2, "assistant_messages": 1, "total_tokens": 3, "tool_calls": 1,
    }  # fmt: skip


def test_a_file_of_atmos_is_read() -> None:
    found = checkpoint_from_values(atmos_values())
    assert (found.name, found.skill, found.metadata) == ("atmos", "atmos-terraform", {"a": "1"})
    assert found.update_time == datetime(2026, 8, 21, 10, 0, 0, 123456, tzinfo=UTC)
    assert [message.text for message in found.messages] == ["hi", "hello"]
    assert (found.archived_messages, found.skipped_messages) == (1, 1)
    assert {item.context_key: item.context_value for item in found.context_items} == {
        "a.yaml": "", "working_directory": "/x", "project_instructions": "Be brief.",
    }  # fmt: skip


def test_an_edited_text_counts_more_than_the_blocks_behind_it() -> None:
    edited = values()
    edited["messages"][1]["content"] = "Edited."
    assert checkpoint_from_values(edited).messages[1].blocks == (Text(text="Edited."),)


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("version", "2.0", "version"),
        ("version", None, "version"),
        ("session", [], "session"),
        ("session.name", "", "session.name"),
        ("session.name", "../../etc/passwd", "name"),
        ("session.name", "a\x00b", "name"),
        ("session.provider", None, "session.provider"),
        ("session.model", 3, "session.model"),
        ("session.created_at", "yesterday", "session.created_at"),
        ("session.created_at", "0001-01-01T00:00:00+14:00", "session.created_at"),
        ("session.metadata", {str(number): "" for number in range(1001)}, "session.metadata"),
        ("messages", [], "messages"),
        ("messages", {}, "messages"),
        ("messages.0.role", "tool", r"messages\[0\]\.role"),
        ("messages.0.content", 7, r"messages\[0\]\.content"),
        ("messages.1.blocks", [{"type": "invented"}], r"messages\[1\]\.blocks"),
        ("messages.1.blocks", [{"type": "text", "text": None}], r"messages\[1\]\.blocks"),
        ("messages.1.blocks", "x", r"messages\[1\]\.blocks"),
        ("messages.1.usage", {"input_tokens": "1"}, r"messages\[1\]\.usage"),
        ("messages.1.usage", {"invented": 1}, r"messages\[1\]\.usage"),
        ("context", [], "context"),
        ("statistics.message_count", 99, "statistics.message_count"),
        ("statistics", None, "statistics"),
    ],
)
def test_what_is_wrong_is_refused_by_the_name_of_its_field(path: str, value: object, field: str) -> None:
    root: Any = values()
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place = root
    for part in parents:
        place = place[part]
    place[last] = value
    with pytest.raises(InvalidFieldError, match=field):
        checkpoint_from_values(root)


@pytest.mark.parametrize("root", [None, [], "text", 1])
def test_what_is_no_map_is_refused(root: object) -> None:
    with pytest.raises(InvalidFieldError, match="checkpoint"):
        checkpoint_from_values(root)


def test_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "MAX_MESSAGES", 2)
        with pytest.raises(InvalidFieldError, match="at most 2"):
            checkpoint_from_values(values())
    monkeypatch.setattr(checkpoints, "MAX_MESSAGE_BYTES", 3)
    with pytest.raises(InvalidFieldError, match="at most 3"):
        checkpoint_from_values(values())


def test_a_conversation_can_be_read_as_markdown() -> None:
    text = checkpoint_markdown(CHECKPOINT)
    assert text.startswith("# vpc-refactor\n")
    assert "## You (ada)\n\ngröße 🦀" in text
    assert "## Assistant\n\nI look.\n\n> called `atmos_list_stacks`\n" in text
    assert text.count("## ") == 2


def test_a_session_without_extras_writes_none() -> None:
    stack_only = replace(CHECKPOINT, context_items=CHECKPOINT.context_items[:1])
    assert set(checkpoint_values(stack_only, START)["context"]) == {"items"}
    plain = replace(CHECKPOINT, metadata={}, context_items=(), messages=CHECKPOINT.messages[:1], skill="s")
    found = checkpoint_values(plain, START)
    assert "context" not in found
    assert "metadata" not in found["session"]
    assert found["session"]["skill"] == "s"
    assert "blocks" not in found["messages"][0]
