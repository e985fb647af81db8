import json
import shutil
import subprocess
from collections.abc import Sequence

import click
import pytest

from atmos_ai_sidecar.terminal.argv import normalised
from atmos_ai_sidecar.terminal.completion import SCRIPTS
from atmos_ai_sidecar.terminal.completion.words import ValueKind, common_flags, places
from atmos_ai_sidecar.terminal.main import root

BASH = """
source /dev/stdin <<'SCRIPT'
{script}
SCRIPT
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_atmos_ai
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completed(*words: str) -> Sequence[str]:
    """What bash offers for the last word; nothing but bash itself can run."""
    quoted = " ".join(json.dumps(word) for word in ("atmos-ai", *words))
    done = subprocess.run(
        (shutil.which("bash") or "bash", "--norc"),
        input=BASH.format(script=SCRIPTS["bash"](root, "atmos-ai"), words=quoted),
        env={"PATH": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    )
    assert not done.stderr
    return done.stdout.split()


def test_bash_completes_commands_at_every_depth() -> None:
    assert {"chat", "ask", "exec", "sessions", "completion"} <= set(completed(""))
    assert completed("ses") == ["sessions"]
    assert "rename" in completed("sessions", "")
    assert completed("--model", "m", "sessions", "ren") == ["rename"]


def test_bash_completes_flags_of_the_command_and_those_of_all() -> None:
    offered = completed("exec", "--")
    assert {"--format", "--output", "--model", "--chdir", "--help"} <= set(offered)
    assert "--older-than" not in offered


@pytest.mark.parametrize("words", [("exec", "--format", ""), ("exec", "--format", "=", ""), ("exec", "x", "-f", "")])
def test_bash_completes_the_choices_of_a_flag(words: Sequence[str]) -> None:
    assert {"text", "json"} <= set(completed(*words))


def test_bash_takes_no_value_for_a_command() -> None:
    assert completed("exec", "--session", "sessions", "ren") == []
    assert completed("--model", "sessions", "ren") == []
    assert completed("exec", "--session", "") == []


def test_bash_completes_the_choices_of_an_argument() -> None:
    assert completed("completion", "") == ["bash", "fish", "zsh"]


@pytest.mark.parametrize("shell", sorted(SCRIPTS))
def test_every_command_and_flag_is_in_the_script_of_every_shell(shell: str) -> None:
    text = SCRIPTS[shell](root, "atmos-ai")
    for place in places(root):
        for name, _help in place.commands:
            assert name in text
        for flag in place.flags:
            for name in flag.names:
                assert (name if shell != "fish" else name.lstrip("-")) in text


def test_common_flags_are_those_that_a_command_line_takes_anywhere() -> None:
    for flag in common_flags():
        if flag.names == ("--help",):
            continue
        words = [flag.names[0]] if flag.kind is ValueKind.NONE else [flag.names[0], "x"]
        assert normalised([*words, "chat"], {}).arguments == ("chat",), flag


def test_hidden_flags_are_not_offered() -> None:
    hidden = {o.opts[0] for c in root.commands.values() for o in c.params if isinstance(o, click.Option) and o.hidden}
    assert not hidden & {name for place in places(root) for flag in place.flags for name in flag.names}
