"""A small agent for tests of the rules: runs the calls against the recordings and real files, without a server."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from atmos_ai_sidecar.demo.offline_model import rules
from atmos_ai_sidecar.demo.offline_model.history_rules import violations
from atmos_ai_sidecar.demo.offline_model.replies import Text, ToolUse, Usage
from atmos_ai_sidecar.demo.offline_model.wire import message_body, new_envelope
from atmos_ai_sidecar.demo.replayed_atmos import command_line, recordings

READ = ("--process-functions=false", "--process-templates=false", "--format", "json")
PLAN = ("--", "-input=false", "-lock=false", "-no-color")
ANSWERS = recordings.load()


class ToolFailedError(Exception):
    """A result that says that the tool failed."""


def atmos(*argv: str, scenario: str = "") -> str:
    answer = recordings.find(command_line.parse(argv), scenario, ANSWERS)
    assert answer is not None, argv
    if answer.exit_code:
        raise ToolFailedError(answer.stderr)
    return answer.stdout or answer.stderr


Tool = Callable[..., str]


def atmos_tools(scenario: str = "") -> dict[str, Tool]:
    def run(*argv: str) -> str:
        return atmos(*argv, scenario=scenario)

    return {
        "atmos_list_stacks": lambda: run("list", "stacks", *READ),
        "atmos_list_components": lambda stack="": run(
            "list", "components", *READ, *(["--stack", stack] if stack else [])
        ),
        "atmos_describe_component": lambda component, stack: run(
            "describe", "component", component, "-s", stack, *READ
        ),
        "atmos_describe_dependents": lambda component, stack: run(
            "describe", "dependents", component, "-s", stack, *READ
        ),
        "atmos_describe_affected": lambda base: run("describe", "affected", "--base", base, *READ),
        "atmos_validate_stacks": lambda: run("validate", "stacks"),
        "atmos_validate_component": lambda component, stack: run("validate", "component", component, "-s", stack),
        "atmos_terraform_plan": lambda component, stack: run("terraform", "plan", component, "-s", stack, *PLAN),
        "execute_atmos_command": lambda arguments: f"ran atmos {' '.join(arguments)}",
        "execute_bash_command": lambda command: f"ran {command}",
    }


def file_tools(project: Path) -> dict[str, Tool]:
    def search(pattern: str) -> str:
        lines = []
        for path in sorted(project.rglob("*.*")):
            for number, line in enumerate(path.read_text().splitlines() if path.is_file() else [], 1):
                if pattern in line:
                    lines.append(f"{path.relative_to(project)}:{number}: {line.strip()}")
        return "\n".join(lines)

    def edit(path: str, old: str, new: str) -> str:
        text = (project / path).read_text()
        if text.count(old) != 1:
            raise ToolFailedError(f"the old text is there {text.count(old)} times")
        (project / path).write_text(text.replace(old, new))
        return "1 replacement"

    return {
        "file_read": lambda path: (project / path).read_text(),
        "file_search": search,
        "file_edit": edit,
        "file_list": lambda glob: "\n".join(str(path.relative_to(project)) for path in sorted(project.glob(glob))),
    }


@dataclass
class Agent:
    """Holds a conversation, and checks every request against the rules of the API."""

    tools: Mapping[str, Tool] = field(default_factory=atmos_tools)
    messages: list[dict[str, Any]] = field(default_factory=list)
    calls: list[list[tuple[str, dict[str, Any]]]] = field(default_factory=list)
    """The calls of the last question, one list per step."""

    def ask(self, question: str, results: Sequence[dict[str, Any]] = ()) -> str:
        text = {"type": "text", "text": question}
        self.messages.append({"role": "user", "content": [*results, text] if results else question})
        self.calls = []
        while True:
            reply = rules.answer(self._request())
            content = message_body(reply, new_envelope("m", Usage()))["content"]
            self.messages.append({"role": "assistant", "content": content})
            uses = [block for block in content if block["type"] == "tool_use"]
            if not uses:
                return "".join(step.text for step in reply.steps if isinstance(step, Text))
            assert reply.stops_for == "tool_use"
            self.calls.append([(step.name, dict(step.input)) for step in reply.steps if isinstance(step, ToolUse)])
            self.messages.append({"role": "user", "content": [self._run(use) for use in uses]})

    def _request(self) -> dict[str, Any]:
        tools = [{"name": name, "input_schema": {"type": "object"}} for name in self.tools]
        request = {"model": "m", "max_tokens": 1000, "tools": tools, "messages": self.messages}
        assert violations(request) == []
        assert len(self.calls) < 6, self.calls
        copy: dict[str, Any] = json.loads(json.dumps(request))
        return copy

    def _run(self, use: dict[str, Any]) -> dict[str, Any]:
        result = {"type": "tool_result", "tool_use_id": use["id"]}
        try:
            return result | {"content": self.tools[use["name"]](**use["input"])}
        except ToolFailedError as failure:
            return result | {"content": str(failure), "is_error": True}
