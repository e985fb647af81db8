import pytest

from atmos_ai_sidecar.adapters.command_parser import TreeSitterCommandParser
from atmos_ai_sidecar.domain.commands import assess, assess_argv, demand_of


def forbidden(command: str) -> str:
    return demand_of(assess_argv(["atmos", *command.split()], TreeSitterCommandParser().parse)).forbidden


@pytest.mark.parametrize(
    "command", ["ai chat", "--verbose ai ask x", "-C x ai", "--new-flag ai chat", "mcp start", "lsp start"]
)
def test_assistants_and_servers_are_forbidden_wherever_the_word_stands(command: str) -> None:
    assert forbidden(command)


@pytest.mark.parametrize("command", ["terraform plan ai -s mcp", "version", "", "workflow mcp"])
def test_a_component_or_stack_of_that_name_is_not_forbidden(command: str) -> None:
    assert not forbidden(command)


@pytest.mark.parametrize(
    "command",
    [
        "atmos-ai chat", "./.venv/bin/atmos-ai exec x", "Atmos-AI x", "/usr/bin/grpcurl x", "env grpcurl x",
        "sudo -u x timeout 5 grpcurl", "bash -c 'atmos ai chat'", "sh -c \"sh -c 'atmos-ai x'\"",
        "python -m atmos_ai_sidecar", "python3 -I -X utf8 -m atmos_ai_sidecar serve", "python3.11 -matmos_ai_sidecar",
        "python -c 'import atmos_ai_sidecar.app'", "python x/atmos_ai_sidecar/__main__.py",
        "find . -exec atmos ai ask {} ;", "xargs atmos ai", "eval 'atmos ai'", "busybox sh -c 'atmos ai'",
        "coproc atmos-ai", "trap 'atmos ai' EXIT", "alias x='atmos ai'", "env -S 'atmos ai'", "a'tmos' \\ai",
        "uv run atmos-ai", "uvx atmos-ai", "pipx run atmos-ai-sidecar", "poetry run atmos-ai", "npx grpcurl",
        "perl -e 'exec q(atmos-ai)'", "tmux new atmos-ai", "ssh localhost atmos ai", "my-wrapper atmos-ai",
        "atmos config set ai.tools.yolo_mode true", "atmos config set mcp.servers.x y",
        "atmos config set components.terraform.command ./x", "atmos config delete Settings.AI",
        "atmos config set 'import[0]' x", "atmos config set commands []", "atmos --verbose config set base_path /",
    ],
)  # fmt: skip
def test_no_command_runs_the_assistant_or_changes_what_it_may_do(command: str) -> None:
    assert assess(command, TreeSitterCommandParser().parse).forbidden


@pytest.mark.parametrize(
    "command",
    [
        "cat docs/atmos-ai.md", "grep atmos-ai README.md", "git commit -m 'use atmos-ai'", "echo grpcurl",
        "atmos config get ai.enabled", "atmos config set logs.level Debug", "atmos terraform plan config -s ai",
        "python x.py --name atmos-ai2", "atmos config set components.terraform.base_path x",
    ],
)  # fmt: skip
def test_a_command_that_only_speaks_of_the_assistant_is_not_forbidden(command: str) -> None:
    assert not assess(command, TreeSitterCommandParser().parse).forbidden
