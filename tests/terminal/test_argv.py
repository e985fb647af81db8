from typing import Any

import click
import pytest

from atmos_ai_sidecar.application.workspace import RunOptions
from atmos_ai_sidecar.terminal.argv import normalised


@pytest.mark.parametrize(
    ("arguments", "left", "options"),
    [
        (["chat"], ["chat"], {}),
        (["--yolo", "chat"], ["chat"], {"yolo": True}),
        (["chat", "--yolo"], ["chat"], {"yolo": True}),
        (["chat", "--yolo=false"], ["chat"], {}),
        (["ask", "why", "--model", "m", "so"], ["ask", "why", "so"], {"model": "m"}),
        (["--model=a=b", "ask"], ["ask"], {"model": "a=b"}),
        (["exec", "-p", "bedrock", "hi"], ["exec", "hi"], {"provider": "bedrock"}),
        (["-C", "dir", "chat"], ["chat"], {"atmos_flags": ("--chdir=dir",)}),
        (["-Cdir", "chat", "-C=a=b"], ["chat"], {"atmos_flags": ("--chdir=dir", "--chdir=a=b")}),
        (["chat", "--profile", "a", "--profile=b"], ["chat"], {"atmos_flags": ("--profile=a", "--profile=b")}),
        (["--logs-level", "Debug", "chat", "--pager", "--mask=false"], ["chat"], {}),
        (["--pager", "less", "chat", "--pager=cat", "--heatmap-mode", "bar", "--profiler-port", "1"], ["chat"], {}),
        (["chat", "--session", "x", "--read-only"], ["chat", "--session", "x"], {"read_only": True}),
        (["ask", "--", "--yolo", "--model"], ["ask", "--", "--yolo", "--model"], {}),
        (["--version"], ["version"], {}),
        (["--mcp", "a,b", "ask", "--mcp=c"], ["ask"], {"mcp_servers": ("a", "b", "c")}),
        (
            ["chat", "--trust-project", "--debug", "--plain"],
            ["chat"],
            {"trust_project": True, "debug": True, "plain": True},
        ),
    ],
)
def test_common_flags_are_taken_from_anywhere_on_the_line(
    arguments: list[str], left: list[str], options: dict[str, Any]
) -> None:
    line = normalised(arguments, {})
    assert list(line.arguments) == left
    assert line.options == RunOptions(**options)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--model"], "--model needs a value"),
        (["--model", "--yolo"], "--model needs a value"),
        (["--model="], "--model needs a value"),
        (["--yolo=perhaps"], "true or false"),
        (["chat", "--skill", "x"], "ATMOS.md"),
        (["chat", "--identity"], "--identity needs a value"),
    ],
)
def test_a_flag_that_cannot_be_honoured_is_refused_with_the_reason(arguments: list[str], problem: str) -> None:
    with pytest.raises(click.UsageError, match=problem):
        normalised(arguments, {})


def test_the_environment_gives_way_to_flags() -> None:
    environment = {"ATMOS_AI_PROVIDER": "vertex", "ATMOS_AI_MCP": "a,b", "NO_COLOR": "1"}
    options = RunOptions(provider="vertex", no_color=True, mcp_servers=("a", "b"))
    assert normalised(["chat"], environment).options == options
    environment["ATMOS_AI_MCP"] = ""
    assert normalised(["chat", "--provider=x", "--no-color=false"], environment).options == RunOptions(provider="x")
    assert normalised(["chat", "--force-color"], {}).force_color
