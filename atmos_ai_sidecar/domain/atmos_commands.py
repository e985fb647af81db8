"""What an Atmos command line would do: a table of the commands that are known, everything else is unknown.

Unknown is the strictest class, so a wrong guess can only ask too often. Global flags may stand anywhere; a flag that
is not known to take a value, before the command's words, makes the command unknown.
"""

from collections.abc import Mapping, Sequence

from atmos_ai_sidecar.domain.tools import CommandClass, Effect

_READ, _PLAN, _MUTATE, _DESTROY = CommandClass.READ, CommandClass.PLAN, CommandClass.MUTATE, CommandClass.DESTROY
_STATE, _SECRET, _CODE = CommandClass.STATE, CommandClass.SECRET_READ, CommandClass.CODE_EXECUTION

_CLASSES: Mapping[tuple[str, ...], CommandClass] = {
    ("version",): _READ,
    ("help",): _READ,
    ("validate", "stacks"): _READ,
    ("validate", "component"): _CODE,
    ("validate", "schema"): _READ,
    ("list",): _CODE,
    ("describe",): _CODE,
    ("terraform", "plan"): _PLAN,
    ("terraform", "validate"): _PLAN,
    ("terraform", "version"): _READ,
    ("terraform", "show"): _SECRET,
    ("terraform", "output"): _SECRET,
    ("terraform", "init"): _MUTATE,
    ("terraform", "apply"): _MUTATE,
    ("terraform", "deploy"): _MUTATE,
    ("terraform", "destroy"): _DESTROY,
    ("terraform", "clean"): _DESTROY,
    ("terraform", "import"): _STATE,
    ("terraform", "state"): _STATE,
    ("terraform", "taint"): _STATE,
    ("terraform", "untaint"): _STATE,
    ("terraform", "force-unlock"): _STATE,
    ("terraform", "workspace"): _STATE,
    ("helmfile", "diff"): _PLAN,
    ("helmfile", "apply"): _MUTATE,
    ("helmfile", "sync"): _MUTATE,
    ("helmfile", "deploy"): _MUTATE,
    ("helmfile", "destroy"): _DESTROY,
    ("auth", "env"): _SECRET,
    ("auth", "console"): _SECRET,
    ("vendor", "pull"): _MUTATE,
}

_FORBIDDEN = {
    "ai": "a tool cannot start another assistant",
    "mcp": "a tool cannot start a server that would act on its own",
    "lsp": "a tool cannot start a server that would never end",
}

_VALUE_FLAGS = frozenset(
    ("-C", "-s", "--chdir", "--base-path", "--config", "--config-path", "--profile", "--logs-level", "--stack")
)
_SWITCHES = frozenset(("--no-color", "--force-color", "--verbose"))
_HELP = frozenset(("--help", "-h"))
_HARMLESS = {
    _READ: _VALUE_FLAGS
    | _SWITCHES
    | {"-f", "--format", "--components", "--sections", "--type", "--base", "--include-dependents", "--provenance"},
    _PLAN: _VALUE_FLAGS
    | _SWITCHES
    | {
        "-input",
        "-lock",
        "-no-color",
        "-target",
        "-destroy",
        "-refresh",
        "-refresh-only",
        "-detailed-exitcode",
        "-json",
    },
}
"""Flags that keep a command in its class. Others may write a file, run a query or reach another machine."""
_WITHOUT_CODE = frozenset(("--process-functions=false", "--process-templates=false"))
_ALIASES = {"tf": "terraform", "tofu": "terraform"}


def classify(arguments: Sequence[str]) -> CommandClass:
    """The class of `atmos ARGUMENTS…`."""
    words = _words(arguments)
    found = next((_CLASSES[words[:length]] for length in (2, 1) if words[:length] in _CLASSES), CommandClass.UNKNOWN)
    flags = {argument for argument in arguments if argument.startswith("-") and argument != "--"}
    if _asks_for_help(arguments, words):
        return _READ
    if words[:1] in {("list",), ("describe",)} and flags >= _WITHOUT_CODE:
        found, flags = _READ, flags - _WITHOUT_CODE
    if found is _MUTATE and any(flag.lstrip("-").startswith("destroy") for flag in flags):
        return _DESTROY
    if any(flag.partition("=")[0] not in _HARMLESS.get(found, ()) for flag in flags):
        return {_READ: _CODE, _PLAN: CommandClass.UNKNOWN}.get(found, found)
    return found


def forbidden_reason(arguments: Sequence[str]) -> str:
    """Why no setting can allow the command; empty when one may.

    Where it cannot be told which word is the command, every word counts, because a wrong denial costs less.
    """
    words = _words(arguments)[:1] or tuple(argument for argument in arguments if not argument.startswith("-"))
    return next((_FORBIDDEN[word] for word in words if word in _FORBIDDEN), "")


def effect_of(command_class: CommandClass) -> Effect:
    """Reading is the only class that runs nothing of the project's or the user's."""
    return Effect.READ if command_class is _READ else Effect.EXECUTE


def _asks_for_help(arguments: Sequence[str], words: Sequence[str]) -> bool:
    """Whether help stands alone at the end, where it cannot be the value of another flag."""
    *before, last = arguments or ("",)
    return bool(words) and last in _HELP and not any(argument.startswith("-") for argument in before)


def _words(arguments: Sequence[str]) -> tuple[str, ...]:
    """The first two words of the command; fewer when a flag before them is not known."""
    words: list[str] = []
    takes_value = False
    for argument in arguments:
        if takes_value:
            takes_value = False
        elif not argument.startswith("-"):
            words.append(argument if words else _ALIASES.get(argument, argument))
        elif argument in _VALUE_FLAGS:
            takes_value = True
        elif argument.partition("=")[0] not in _VALUE_FLAGS | _SWITCHES | _HELP:
            break
        if len(words) == 2:  # noqa: PLR2004 - command and subcommand
            break
    return tuple(words)
