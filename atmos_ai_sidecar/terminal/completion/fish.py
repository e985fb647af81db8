"""A completion script for fish."""

import click

from atmos_ai_sidecar.terminal.completion.words import Flag, ValueKind, common_flags, deeper, places, valued_flags

_HEAD = """\
# fish completion for {program}; made by `{program} completion fish`
function __{function}_place
    set -l place ""
    set -l skip ""
    for word in (commandline -opc)[2..-1]
        if test -n "$skip"
            set skip ""
            continue
        end
        switch "$place $word"
{deeper}
            case {valued}
                set skip 1
        end
    end
    string trim -- "$place"
end
function __{function}_at
    set -l place (__{function}_place)
    test "$place" = "$argv"
end
complete -c {program} -f
"""


def script(tree: click.Command, program: str) -> str:
    """The script for a command tree; what it completes is a fact of this version, and nothing is run for it."""
    found = list(places(tree))
    function = program.replace("-", "_")
    valued = [f"'{'*' if path is None else path} {name}'" for path, name, _ in valued_flags(found)]
    head = _HEAD.format(
        program=program,
        function=function,
        deeper="\n".join(
            f"            case '{words}'\n                set place '{path}'" for words, path in deeper(found)
        ),
        valued=" ".join(valued),
    )
    lines = [f"complete -c {program} {_flag(flag)}" for flag in common_flags()]
    for place in found:
        at = f"complete -c {program} -n '__{function}_at {place.path}'"
        lines += [f"{at} -a {name} -d {_quoted(text)}" for name, text in place.commands]
        lines += [f"{at} -a {name}" for name in place.choices]
        lines += [f"{at} {_flag(flag)}" for flag in place.flags]
    return head + "\n".join(lines) + "\n"


def _flag(flag: Flag) -> str:
    names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in flag.names)
    value = {
        ValueKind.NONE: "",
        ValueKind.CHOICE: f" -x -a '{' '.join(flag.choices)}'",
        ValueKind.FILE: " -r -F",
        ValueKind.DIRECTORY: " -x -a '(__fish_complete_directories)'",
        ValueKind.OTHER: " -x",
    }[flag.kind]
    return f"{names}{value} -d {_quoted(flag.help)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
