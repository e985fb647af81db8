"""What a command line of Atmos asks, independent of the order and spelling of its flags."""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` itself costs a fifth of the start-up time
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SHORT_FLAGS = {"-s": "--stack", "-f": "--format", "-C": "--chdir"}

VALUE_FLAGS = frozenset(
    ("--format", "--stack", "--sections", "--components", "--base", "--type", "--schema-type", "--schema-path")
)
LIST_FLAGS = frozenset(("--sections", "--components"))

LOCATION_FLAGS = frozenset(("--chdir", "--base-path", "--config-path"))
"""Global flags that say which project is meant; they choose what `{project}` stands for."""

IGNORED_VALUE_FLAGS = frozenset(("--config", "--profile", "--logs-level", "--logs-file", "--redirect-stderr"))
IGNORED_SWITCHES = frozenset(("--no-color", "--force-color", "--force-tty", "--interactive", "--mask", "--verbose"))
IGNORED_OPTIONAL_FLAGS = frozenset(("--identity", "--pager"))
"""Global flags whose value may be left out. Flags that would change the answer (`--version`, `--ai`, `--heatmap`, …)
are deliberately in none of these sets: they are part of the question, and no recording has them."""

DEFAULTS = frozenset(
    (
        ("--process-functions", "true"),
        ("--process-templates", "true"),
        ("--provenance", "false"),
        ("--include-dependents", "false"),
    )
)


class Request:
    """One question to Atmos: its words, its flags with their values, and what follows `--`."""

    __slots__ = ("flags", "location", "passthrough", "words")

    def __init__(
        self,
        words: tuple[str, ...],
        flags: dict[str, str],
        passthrough: tuple[str, ...],
        location: dict[str, list[str]],
    ) -> None:
        self.words = words
        self.flags = flags
        self.passthrough = passthrough
        self.location = location

    @property
    def key(self) -> tuple[tuple[str, ...], frozenset[tuple[str, str]], tuple[str, ...]]:
        """Equal for two command lines exactly when they ask the same."""
        return self.words, frozenset(self.flags.items()) - DEFAULTS, self.passthrough

    @property
    def component(self) -> str:
        """The component that the command names, or nothing."""
        named = self.words[:2] in {
            ("describe", "component"),
            ("describe", "dependents"),
            ("validate", "component"),
            ("terraform", "plan"),
            ("terraform", "show"),
        }
        return self.words[2] if named and len(self.words) > 2 else ""  # noqa: PLR2004 - command, subcommand, name

    @property
    def stack(self) -> str:
        """The value of `--stack`, or nothing."""
        return self.flags.get("--stack", "")


def parse(argv: Sequence[str]) -> Request:
    """Read the arguments of one `atmos` call; never fails, because unknown flags are simply not recorded."""
    end = list(argv).index("--") if "--" in argv else len(argv)
    words: list[str] = []
    flags: dict[str, str] = {}
    location: dict[str, list[str]] = {}
    for name, value in _pairs(argv[:end]):
        if not name:
            words.append(value)
        elif name in LOCATION_FLAGS:
            location.setdefault(name, []).extend(value.split(",") if name == "--config-path" else [value])
        elif name in LIST_FLAGS:
            flags[name] = ",".join(sorted({*flags.get(name, value).split(","), *value.split(",")}))
        elif name not in IGNORED_VALUE_FLAGS | IGNORED_SWITCHES | IGNORED_OPTIONAL_FLAGS:
            flags[name] = value
    return Request(tuple(words), flags, _passthrough(words, argv[end + 1 :]), location)


def _pairs(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield (flag, value) for flags, and ("", word) for everything else."""
    index = 0
    while index < len(arguments):
        argument = arguments[index]
        index += 1
        if not argument.startswith("-") or argument == "-":
            yield "", argument
            continue
        name, attached = _split(argument)
        if attached is not None:
            yield name, attached
        elif index < len(arguments) and _takes_next(name, arguments[index]):
            yield name, arguments[index]
            index += 1
        else:
            yield name, "true"


def _split(argument: str) -> tuple[str, str | None]:
    if not argument.startswith("--"):
        name, rest = argument[:2], argument[2:]
        return SHORT_FLAGS.get(name, name), rest[rest.startswith("=") :] if rest else None
    name, equals, value = argument.partition("=")
    return name, value if equals else None


def _takes_next(name: str, following: str) -> bool:
    if name in IGNORED_OPTIONAL_FLAGS:
        return not following.startswith("-")
    return name in VALUE_FLAGS or name in LOCATION_FLAGS or name in IGNORED_VALUE_FLAGS


def _passthrough(words: list[str], arguments: Sequence[str]) -> tuple[str, ...]:
    """What goes to terraform; of a planfile only the name counts, because a real path holds the project's place."""
    if words[:2] != ["terraform", "show"]:
        return tuple(arguments)
    return tuple(a if a.startswith("-") else a.replace("\\", "/").rsplit("/", 1)[-1] for a in arguments)
