"""Where a project is: the search that Atmos makes, on the directory and environment of the caller."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from atmos_ai_sidecar.errors import ConfigurationInvalidError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

FILE_NAMES = ("atmos.yaml", "atmos.yml", ".atmos.yaml", ".atmos.yml")
SYSTEM_DIRECTORY = Path("/usr/local/etc/atmos")

_FLAGS = ("--chdir", "--base-path", "--config", "--config-path", "--profile")


@dataclass(frozen=True, slots=True, kw_only=True)
class AtmosFlags:
    """Global flags of Atmos that decide which configuration is read, as the user gave them."""

    chdir: str = ""
    base_path: str = ""
    config: Sequence[str] = ()
    config_path: Sequence[str] = ()
    profile: Sequence[str] = ()

    @classmethod
    def parsed(cls, arguments: Sequence[str]) -> "AtmosFlags":
        """The flags among Atmos' global flags as they were given; the others do not decide what is read."""
        found: dict[str, list[str]] = {}
        rest = iter(arguments)
        for argument in rest:
            name, equals, value = argument.partition("=")
            name = "--chdir" if name == "-C" else name
            if name in _FLAGS:
                found.setdefault(name, []).append(value if equals else next(rest, ""))
        lists = {name: [part for text in found.get(name, ()) for part in text.split(",") if part] for name in _FLAGS}
        return cls(
            chdir=found.get("--chdir", [""])[-1],
            base_path=found.get("--base-path", [""])[-1],
            config=tuple(lists["--config"]),
            config_path=tuple(lists["--config-path"]),
            profile=tuple(lists["--profile"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file that is read for itself, not because another one imports it."""

    path: Path
    has_drop_ins: bool
    """Whether ``.atmos.d`` and ``atmos.d`` beside it belong to it."""
    is_project: bool
    """False for the files of the machine and of the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What ``find_project`` found; all paths are absolute and real."""

    directory: Path
    """The folder of the project's atmos.yaml: sessions and trust belong to it."""
    start: Path
    """The caller's directory, after ``--chdir``."""
    git_root: Path | None
    sources: Sequence[Source]
    """Later ones override earlier ones."""


def find_project(directory: str, environment: Mapping[str, str], flags: AtmosFlags | None = None) -> Project:
    """The project that Atmos would use from that directory.

    Raises:
        ConfigurationInvalidError: There is none, or a flag names something that does not exist.
    """
    flags = flags or AtmosFlags()
    start = Path(directory, flags.chdir or environment.get("ATMOS_CHDIR", ""))
    if not start.is_dir():
        raise ConfigurationInvalidError("There is no such directory.", file=str(start), remedy="Check --chdir.")
    start = start.resolve()
    git_root = _git_root(start)
    if flags.config or flags.config_path:
        sources = list(_named_sources(start, flags))
    else:
        sources = list(_found_sources(start, git_root, environment))
    of_project = [source for source in sources if source.is_project]
    if not of_project:
        raise ConfigurationInvalidError(
            f"There is no atmos.yaml in {start} or a folder above it.",
            remedy="Go to an Atmos project, or name one with --chdir or --config-path.",
        )
    return Project(directory=of_project[-1].path.parent, start=start, git_root=git_root, sources=tuple(sources))


def configuration_file(directory: Path) -> Path | None:
    """The configuration file of a folder, links resolved."""
    found = next((path for name in FILE_NAMES if (path := directory / name).is_file()), None)
    return found.parent.resolve() / found.name if found else None


def _named_sources(start: Path, flags: AtmosFlags) -> Iterator[Source]:
    for name in flags.config:
        path = start / name
        if not path.is_file():
            raise ConfigurationInvalidError("There is no such file.", file=str(path), remedy="Check --config.")
        yield Source(path=path.parent.resolve() / path.name, has_drop_ins=False, is_project=True)
    for name in flags.config_path:
        found = configuration_file(start / name)
        if found is None:
            raise ConfigurationInvalidError(
                "There is no atmos.yaml in that folder.", file=str(start / name), remedy="Check --config-path."
            )
        yield Source(path=found, has_drop_ins=True, is_project=True)


def _found_sources(start: Path, git_root: Path | None, environment: Mapping[str, str]) -> Iterator[Source]:
    if system := configuration_file(SYSTEM_DIRECTORY):
        yield Source(path=system, has_drop_ins=False, is_project=False)
    home = environment.get("HOME", "")
    if home and (user := configuration_file(Path(home, ".atmos"))):
        yield Source(path=user, has_drop_ins=True, is_project=False)
    named = environment.get("ATMOS_CLI_CONFIG_PATH", "")
    here = configuration_file(start)
    found = [] if named or here else [_nearest_above(start), configuration_file(git_root) if git_root else None]
    found += [here, _named_by_environment(start, named) if named else None]
    for path in dict.fromkeys(found):
        if path is not None:
            yield Source(path=path, has_drop_ins=True, is_project=True)


def _named_by_environment(start: Path, named: str) -> Path | None:
    path = start / named
    return path if path.is_file() else configuration_file(path)


def _nearest_above(start: Path) -> Path | None:
    return next((found for parent in start.parents if (found := configuration_file(parent))), None)


def _git_root(start: Path) -> Path | None:
    return next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), None)
