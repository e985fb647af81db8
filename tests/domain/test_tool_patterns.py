import pytest

from atmos_ai_sidecar.domain.tool_patterns import ToolPattern


@pytest.mark.parametrize(
    ("text", "tool", "command"),
    [
        ("atmos_*", "atmos_*", ""),
        ("execute_atmos_command(terraform plan *)", "execute_atmos_command", "atmos terraform plan *"),
        ("execute_atmos_command(atmos version)", "execute_atmos_command", "atmos version"),
        ("execute_bash_command(terraform plan *)", "execute_bash_command", "terraform plan *"),
        ("execute_*( echo (a) )", "execute_*", "echo (a)"),
        ("execute_bash_command()", "execute_bash_command()", ""),
        ("execute_bash_command( )", "execute_bash_command( )", ""),
        ("(ls)", "(ls)", ""),
        ("tool(ls", "tool(ls", ""),
    ],
)
def test_pattern_is_a_name_or_a_name_with_a_command(text: str, tool: str, command: str) -> None:
    assert ToolPattern.parsed(text) == ToolPattern(tool=tool, command=command)
