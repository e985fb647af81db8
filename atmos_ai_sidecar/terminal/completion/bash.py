"""A completion script for bash, from 3.2 on."""

import click

from atmos_ai_sidecar.terminal.completion.words import (
    Flag,
    Place,
    ValueKind,
    common_flags,
    deeper,
    places,
    valued_flags,
)

_TEMPLATE = """\
# bash completion for {program}; made by `{program} completion bash`
_{function}() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev= path= word i skip=
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${{COMP_WORDS[i]}}
        [[ $word == = ]] && continue
        prev=$word
        if [[ -n $skip ]]; then skip=; continue; fi
        case "$path $word" in
{deeper}
            {valued}) skip=1 ;;
        esac
    done
    [[ $cur == = ]] && cur=
    if [[ -n $skip ]]; then
        case "$path $prev" in
{values}
        esac
        return
    fi
    if [[ $cur == -* ]]; then
        case "$path" in
{flags}
        esac
        return
    fi
    case "$path" in
{commands}
    esac
}}
complete -F _{function} {program}
"""


def script(tree: click.Command, program: str) -> str:
    """The script for a command tree; what it completes is a fact of this version, and nothing is run for it."""
    found = list(places(tree))
    valued = [(_pattern(path, name), flag) for path, name, flag in valued_flags(found)]
    return _TEMPLATE.format(
        program=program,
        function=program.replace("-", "_"),
        deeper="\n".join(f'            "{words}") path="{path}" ;;' for words, path in deeper(found)),
        valued=" | ".join(pattern for pattern, _ in valued),
        values="\n".join(f"            {pattern}) {_value(flag)} ;;" for pattern, flag in valued),
        flags="\n".join(f'            "{place.path}") {_words(_flag_names(place))} ;;' for place in found),
        commands="\n".join(
            f'        "{place.path}") {_words([name for name, _ in place.commands] or list(place.choices))} ;;'
            for place in found
            if place.commands or place.choices
        ),
    )


def _flag_names(place: Place) -> list[str]:
    return [name for flag in (*place.flags, *common_flags()) for name in flag.names]


def _pattern(path: str | None, name: str) -> str:
    return f"*\\ {name}" if path is None else f'"{path} {name}"'


def _value(flag: Flag) -> str:
    if flag.kind is ValueKind.CHOICE:
        return _words(list(flag.choices))
    if flag.kind is ValueKind.FILE:
        return _paths("-f")
    if flag.kind is ValueKind.DIRECTORY:
        return _paths("-d")
    return ":"


def _paths(kind: str) -> str:
    """Paths may hold spaces, and a folder is no end; bash 3.2 has no compopt and ends a folder with a space."""
    return f"local IFS=$'\\n'; COMPREPLY=($(compgen {kind} -- \"$cur\")); compopt -o filenames 2>/dev/null"


def _words(words: list[str]) -> str:
    return f"COMPREPLY=($(compgen -W '{' '.join(words)}' -- \"$cur\"))"
