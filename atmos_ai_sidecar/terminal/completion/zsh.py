"""A completion script for zsh."""

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
#compdef {program}
# zsh completion for {program}; made by `{program} completion zsh`
_{program}() {{
    local place= word skip= previous=
    local -a found
    for word in ${{words[2,CURRENT-1]}}; do
        previous=$word
        if [[ -n $skip ]]; then skip=; continue; fi
        case "$place $word" in
{deeper}
            {valued}) skip=1 ;;
        esac
    done
    if [[ -z $skip && ${{words[CURRENT]}} == --*=* ]]; then
        previous=${{words[CURRENT]%%=*}}
        compset -P '*='
        skip=1
    fi
    if [[ -n $skip ]]; then
        case "$place $previous" in
{values}
        esac
        return
    fi
    if [[ ${{words[CURRENT]}} == -* ]]; then
        case "$place" in
{flags}
        esac
        _describe 'flag' found
        return
    fi
    case "$place" in
{commands}
    esac
    _describe 'command' found
}}
if [[ $funcstack[1] == _{program} ]]; then _{program} "$@"; else compdef _{program} {program}; fi
"""


def script(tree: click.Command, program: str) -> str:
    """The script for a command tree; what it completes is a fact of this version, and nothing is run for it."""
    found = list(places(tree))
    valued = [(_pattern(path, name), flag) for path, name, flag in valued_flags(found)]
    return _TEMPLATE.format(
        program=program,
        deeper="\n".join(f'            "{words}") place="{path}" ;;' for words, path in deeper(found)),
        valued=" | ".join(pattern for pattern, _ in valued),
        values="\n".join(f"            {pattern}) {_value(flag)} ;;" for pattern, flag in valued),
        flags="\n".join(f'            "{place.path}") {_described(_flags(place))} ;;' for place in found),
        commands="\n".join(
            f'        "{place.path}") {_described(list(place.commands) or [(name, "") for name in place.choices])} ;;'
            for place in found
            if place.commands or place.choices
        ),
    )


def _flags(place: Place) -> list[tuple[str, str]]:
    return [(name, flag.help) for flag in (*place.flags, *common_flags()) for name in flag.names]


def _pattern(path: str | None, name: str) -> str:
    return f"*\\ {name}" if path is None else f'"{path} {name}"'


def _value(flag: Flag) -> str:
    if flag.kind is ValueKind.CHOICE:
        return f"compadd -- {' '.join(flag.choices)}"
    return {ValueKind.FILE: "_files", ValueKind.DIRECTORY: "_files -/"}.get(flag.kind, ":")


def _described(words: list[tuple[str, str]]) -> str:
    return f"found=({' '.join(_quoted(name, text) for name, text in words)})"


def _quoted(name: str, text: str) -> str:
    words = f"{name}:{text}" if text else name
    return "'" + words.replace("'", "'\\''") + "'"
