"""The scripts in the shells themselves, on a real terminal; a shell that is not installed has no cases here."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pexpect
import pytest

from atmos_ai_sidecar.terminal.completion import SCRIPTS
from atmos_ai_sidecar.terminal.main import root

CASES = {
    "ses": "sessions ",
    "sessions ren": "sessions rename ",
    "--model m sessions ren": "--model m sessions rename ",
    "--model sessions ren": "--model sessions ren",
    "exec --session sessions ren": "exec --session sessions ren",
    "exec --format st": "exec --format stream-json ",
    "exec --format=st": "exec --format=stream-json ",
    "exec -f st": "exec -f stream-json ",
    "sessions clean --old": "sessions clean --older-than ",
    "chat --chd": "chat --chdir ",
    "completion z": "completion zsh ",
    "--chdir fol": "--chdir folder/",
    "exec --output note": "exec --output note.md ",
}
"""What stands behind the program's name, and what it becomes at TAB."""

ASK = r"<<(.*?)>>"


class Typist:
    """Types into an interactive shell, in a folder with `folder` and `note.md`, where no program can be found."""

    def __init__(self, directory: Path, *command: str, set_up: str) -> None:
        (directory / "folder").mkdir()
        (directory / "note.md").touch()
        environment = {"PATH": "/nonexistent", "HOME": str(directory), "TERM": "dumb", "LANG": "C.UTF-8"}
        self.shell = pexpect.spawn(
            command[0], list(command[1:]), cwd=directory, env=environment, encoding="utf-8", dimensions=(50, 200)
        )
        self.shell.sendline(set_up)
        self.shell.sendline("echo rea''dy")
        self.shell.expect("ready", timeout=20)

    def completed(self, line: str) -> str:
        """What the line is after TAB; Ctrl-X Ctrl-A makes the shell say it, and Ctrl-U empties it."""
        self.shell.send(f"atmos-ai {line}\t\x18\x01")
        self.shell.expect(ASK, timeout=20)
        assert isinstance(self.shell.match, re.Match)
        found = str(self.shell.match.group(1))
        self.shell.send("\x15")
        return found.removeprefix("atmos-ai ")


def bash(directory: Path, script: Path) -> Callable[[str], str]:
    say = r'bind -x \'"\C-x\C-a": echo "<<$READLINE_LINE>>"\''.replace("\\'", "'")
    quiet = "bind 'set enable-bracketed-paste off'; bind 'set show-all-if-ambiguous off'"
    path = str(shutil.which("bash"))
    return Typist(directory, path, "--norc", "--noprofile", "-i", set_up=f"source {script}; {quiet}; {say}").completed


def zsh(directory: Path, script: Path) -> Callable[[str], str]:
    say = "tell() { print -r -- \"<<$BUFFER>>\" }; zle -N tell; bindkey '^X^A' tell; bindkey '^U' kill-whole-line"
    begin = "autoload -Uz compinit; compinit -u -D; unsetopt beep"
    return Typist(directory, str(shutil.which("zsh")), "-f", "-i", set_up=f"{begin}; source {script}; {say}").completed


def fish(directory: Path, script: Path) -> Callable[[str], str]:
    """fish answers on a pipe what it would offer at TAB; the one offer takes the place of the last word."""
    (directory / "folder").mkdir()
    (directory / "note.md").touch()

    def completed(line: str) -> str:
        done = subprocess.run(
            (str(shutil.which("fish")), "--no-config", "-c", f"source {script}; complete -C 'atmos-ai {line}'"),
            cwd=directory,
            env={**os.environ, "PATH": "/nonexistent", "HOME": str(directory)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        assert not done.stderr
        offers = [offer.partition("\t")[0] for offer in done.stdout.splitlines()]
        if len(offers) != 1:
            return line
        before = line[: len(line) - len(line.rsplit(" ", 1)[-1])]
        return before + offers[0] + ("" if offers[0].endswith("/") else " ")

    return completed


SHELLS: Mapping[str, Callable[[Path, Path], Callable[[str], str]]] = {"bash": bash, "fish": fish, "zsh": zsh}


@pytest.mark.parametrize("shell", [name for name in SHELLS if shutil.which(name)])
def test_tab_completes_in_the_shell_and_starts_nothing(shell: str, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(SCRIPTS[shell](root, "atmos-ai"))
    here = tmp_path / "here"
    here.mkdir()
    completed = SHELLS[shell](here, script)
    assert {line: completed(line) for line in CASES} == CASES
