"""`atmos mcp start`: the recorded answers of Atmos' own MCP server, over stdin and stdout.

Like the real one it lists its tools in random order and answers from the configuration that it found when it
started. It always offers all 62 tools; a real Atmos does so only when `ai.tools.allowed` says "*".
"""

from __future__ import annotations

import json
import random
import sys
import time
from typing import Any

from .project import first_edit
from .recordings import MCP_RECORDINGS

FILE_TOOLS = frozenset(("read_file", "read_stack_file", "read_component_file", "search_files", "list_component_files"))
"""Tools that look at the files of the moment, where the others keep what they read at the start."""

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND = -32700, -32600, -32601


def serve(project: str, scenario: str, delay: float) -> int:
    """Answer JSON-RPC messages, one a line, until stdin ends; return the exit code."""
    server = ReplayedServer(project, scenario, delay)
    for line in sys.stdin.buffer:
        answer = server.answer(line)
        if answer is not None:
            sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False).encode("utf-8") + b"\n")
            sys.stdout.buffer.flush()
    return 0


class ReplayedServer:
    """One run of the MCP server on one project."""

    def __init__(self, project: str, scenario: str, delay: float) -> None:
        with open(MCP_RECORDINGS, encoding="utf-8") as file:  # noqa: PTH123 - pathlib is slow to import
            self._recorded = json.loads(file.read().replace("{project}", json.dumps(project)[1:-1]))
        self._project = project
        self._scenario = scenario
        self._delay = delay
        self._edited_at_start = first_edit(project)

    def answer(self, line: bytes) -> dict[str, Any] | None:
        """Return the response to one line, or None where there is none to give (notifications)."""
        try:
            message = json.loads(line)
        except ValueError:
            return _error(None, PARSE_ERROR, "this line is not JSON")
        if not isinstance(message, dict) or not isinstance(message.get("method"), str):
            return _error(None, INVALID_REQUEST, "a request is an object with a method")
        if "id" not in message:
            return None
        return {"jsonrpc": "2.0", "id": message["id"], **self._respond(message["method"], message.get("params") or {})}

    def _respond(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        if method == "initialize":
            return dict(self._recorded["initialize"])
        if method in ("ping", "logging/setLevel"):
            return {"result": {}}
        if method == "tools/list":
            tools = list(self._recorded["tools/list"]["result"]["tools"])
            random.shuffle(tools)
            return {"result": {"tools": tools}}
        if method == "tools/call":
            time.sleep(self._delay)
            return self._call(str(parameters.get("name")), parameters.get("arguments") or {})
        return {"error": {"code": METHOD_NOT_FOUND, "message": f"the replayed Atmos has no method {method!r}"}}

    def _call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        edited = first_edit(self._project) if name in FILE_TOOLS else self._edited_at_start
        if self._scenario:
            return _not_recorded(name, arguments, f"in the scenario {self._scenario}")
        if edited:
            return _not_recorded(name, arguments, f"for a project where {edited} was edited")
        same_name = [call for call in self._recorded["tools/call"] if call["name"] == name]
        for call in same_name:
            if call["arguments"] == arguments:
                return dict(call["answer"])
        recorded = "; ".join(json.dumps(call["arguments"]) for call in same_name) or "none of this tool"
        return _not_recorded(name, arguments, f"(recorded: {recorded})")


def _not_recorded(name: str, arguments: dict[str, Any], where: str) -> dict[str, Any]:
    text = (
        f"Error: this replay of Atmos 1.226.1 has no recorded answer for {name} {json.dumps(arguments)} {where}. "
        "Nothing was run."
    )
    return {"result": {"content": [{"type": "text", "text": text}], "isError": True}}


def _error(identifier: object, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identifier, "error": {"code": code, "message": message}}
