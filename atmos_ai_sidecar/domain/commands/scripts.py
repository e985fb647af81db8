"""Scripts in arguments: sed, awk, jq, yq. Only forms that are known to read pass; everything else is unknown."""

import re
from collections.abc import Callable, Sequence

from atmos_ai_sidecar.domain.commands.specs import Arguments
from atmos_ai_sidecar.domain.tools import CommandClass

_READ, _UNKNOWN = CommandClass.READ, CommandClass.UNKNOWN

_SED_ADDRESS = r"(?:\d+(?:~\d+)?|\$|/(?:[^/\\\n\[]|\\.|\[[^\]/\n]+\])*/I?)"
_SED_RANGE = rf"(?:{_SED_ADDRESS}(?:,[+~]?{_SED_ADDRESS})?\s*!?\s*)?"
_SED_PART = r"(?:(?!(?P=mark))[^\\\n\[]|\\[^\n]|\[(?:(?!(?P=mark))[^\]\n])+\])*"
_SED_SUBSTITUTION = rf"s(?P<mark>[/|#,:@%!]){_SED_PART}(?P=mark)(?:(?!(?P=mark))[^\\\n]|\\[^\n])*(?P=mark)[gpIi0-9]*"
_SED_COMMAND = re.compile(rf"[\s;]*{_SED_RANGE}(?:[pdqDPnNhHgGx=]|{_SED_SUBSTITUTION})[ \t]*(?=;|\n|$)")

_AWK_DANGER = re.compile(r"system|getline|[|>@]|ENVIRON|PROCINFO|ARGV|ARGC|close|fflush|include|load", re.ASCII)
_JQ_DANGER = re.compile(
    r"(?<!\.)\b(?:env|ENV|import|include|modulemeta|input_filename|get_search_list|__loc__|halt_error)\b", re.ASCII
)
_SHELL_OPTIONS = frozenset({"errexit", "nounset", "pipefail", "xtrace", "noglob", "noclobber"})
_YQ_DANGER = re.compile(r"\b(?:env|ENV|strenv|envsubst|load\w*|eval|system|import|include|exec)\b", re.ASCII)


def judge_sed(arguments: Arguments) -> CommandClass:
    """Reads when the script only prints, deletes lines and substitutes: sed can also write files and run programs."""
    return _all_read(_scripts(arguments, frozenset({"-e", "--expression"})), _is_plain_sed)


def judge_awk(arguments: Arguments) -> CommandClass:
    """Reads when the program holds nothing that runs, writes, or reads what is not an argument."""
    return _all_read(arguments.operands[:1], lambda script: _AWK_DANGER.search(script) is None)


def judge_jq(arguments: Arguments) -> CommandClass:
    """Reads when the filter takes nothing from the environment and from modules."""
    return _all_read(arguments.operands, lambda script: _JQ_DANGER.search(script) is None)


def judge_set(arguments: Arguments) -> CommandClass:
    """Reads when it sets what changes no command: some options of the shell change how it reads the next line."""
    return _READ if all(value in _SHELL_OPTIONS for _, value in arguments.values) else _UNKNOWN


def judge_yq(arguments: Arguments) -> CommandClass:
    """As for jq; yq can also load files."""
    return _all_read(arguments.operands, lambda script: _YQ_DANGER.search(script) is None)


def _scripts(arguments: Arguments, names: frozenset[str]) -> Sequence[str]:
    given = [value for name, value in arguments.values if name in names]
    return given or arguments.operands[:1]


def _all_read(scripts: Sequence[str], is_plain: Callable[[str], bool]) -> CommandClass:
    return _READ if scripts and all(map(is_plain, scripts)) else _UNKNOWN


def _is_plain_sed(script: str) -> bool:
    position = 0
    while position < len(script):
        command = _SED_COMMAND.match(script, position)
        if command is None:
            return not script[position:].strip("; \t\n")
        position = command.end()
    return True
