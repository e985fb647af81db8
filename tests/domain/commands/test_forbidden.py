import pytest

from atmos_ai_sidecar.adapters.command_parser import TreeSitterCommandParser
from atmos_ai_sidecar.domain.commands import assess_argv, demand_of


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
