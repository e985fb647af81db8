"""Lays the files of a project over each other as Atmos does.

Every source brings ``atmos.d`` and ``.atmos.d`` (first of the git root, then its own), then what it imports, then
itself; later sources lie on earlier ones, profiles on top. Maps merge deep, lists are replaced.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from types import MappingProxyType

from atmos_ai_sidecar.configuration.atmos_answers import ANSWERS_OF_ATMOS
from atmos_ai_sidecar.configuration.functions import evaluated
from atmos_ai_sidecar.configuration.nodes import ListNode, MapNode, Node, Origin, Scalar, empty_map, laid_over, walked
from atmos_ai_sidecar.configuration.project import AtmosFlags, Project, Source
from atmos_ai_sidecar.configuration.spelling import canonical
from atmos_ai_sidecar.configuration.yaml_file import YamlFile, read_bytes, read_yaml_file
from atmos_ai_sidecar.errors import ConfigurationInvalidError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

MAX_IMPORT_DEPTH = 10
MAX_FILES = 500

_SECTIONS = ("ai", "mcp", "import", "base_path", "profiles", "stacks", "components", "workflows")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """What all files together say about the sections that are read here."""

    root: MapNode
    files: Mapping[Path, str]
    """Every file of the project that was read, with its SHA-256."""
    running_functions: Mapping[str, Origin]
    """Functions in the files that run programs when Atmos reads them, by tag."""
    warnings: tuple[str, ...]


def read_layers(project: Project, environment: Mapping[str, str], flags: AtmosFlags) -> Layers:
    """Reads every file that belongs to the configuration.

    Raises:
        ConfigurationInvalidError: A file is broken, or a profile does not exist.
    """
    reader = _Reader(project=project, environment=environment)
    for source in project.sources:
        reader.add_source(source)
    for name in _profiles(reader.root, environment, flags):
        reader.add_folder(_profile_folder(name, reader.root, project, environment))
    reader.add_digest(project.directory / ANSWERS_OF_ATMOS)
    return Layers(
        root=reader.root,
        files=MappingProxyType(reader.files),
        running_functions=MappingProxyType(reader.running_functions),
        warnings=tuple(reader.warnings),
    )


@dataclass(slots=True, kw_only=True)
class _Reader:
    project: Project
    environment: Mapping[str, str]
    root: MapNode = field(default_factory=lambda: empty_map(Origin(file="", line=0)))
    files: dict[Path, str] = field(default_factory=dict)
    running_functions: dict[str, Origin] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    is_project: bool = True

    def add_source(self, source: Source) -> None:
        self.is_project = source.is_project
        folder = source.path.parent
        if source.has_drop_ins:
            git_root = self.project.git_root
            for base in [git_root, folder] if git_root and git_root != folder else [folder]:
                self.add_folder(base / "atmos.d")
                self.add_folder(base / ".atmos.d")
        self.add_file(source.path, chain=())

    def add_folder(self, folder: Path) -> None:
        for path in sorted(_yaml_files(folder), key=lambda path: _folder_order(path, folder)):
            self.add_file(path, chain=(), follows_imports=False)

    def add_file(self, path: Path, *, chain: tuple[Path, ...], follows_imports: bool = True) -> None:
        if path in chain:
            return
        file = self.read(path)
        sections = self.sections(file)
        if follows_imports:
            for imported in self.imports(sections, path):
                if len(chain) >= MAX_IMPORT_DEPTH:
                    raise ConfigurationInvalidError(f"Imports go deeper than {MAX_IMPORT_DEPTH} files.", file=str(path))
                self.add_file(imported, chain=(*chain, path))
        self.root = laid_over(self.root, sections)

    def read(self, path: Path) -> YamlFile:
        file = read_yaml_file(path)
        if self.is_project:
            self.files[path] = file.sha256
        if len(self.files) > MAX_FILES:
            raise ConfigurationInvalidError(f"More than {MAX_FILES} configuration files.", file=str(path))
        for _, node in walked(file.root):
            if node.tag.startswith(("!exec", "!terraform.", "!store", "!aws.")):
                self.running_functions.setdefault(node.tag, node.origin)
        return file

    def sections(self, file: YamlFile) -> MapNode:
        """What of a file matters here, functions evaluated and keys in one spelling."""
        kept = {name: node for name in _SECTIONS if (node := file.root.get(name)) is not None}
        settings = file.root.get("settings")
        of_settings = self.evaluate(settings) if isinstance(settings, Scalar) else settings
        if isinstance(of_settings, MapNode) and (ai := of_settings.get("ai")) is not None:
            kept["settings.ai"] = ai
        evaluated_sections = {name: canonical(name, self.evaluate(node)) for name, node in kept.items()}
        return MapNode(entries=MappingProxyType(evaluated_sections), origin=file.root.origin)

    def evaluate(self, node: Node) -> Node:
        return evaluated(node, self.environment, lambda path: self.read(path).root)

    def add_digest(self, path: Path) -> None:
        """Binds trust to a file that is no configuration and still decides; one out of reach decides nothing."""
        with suppress(PermissionError):
            if path.is_file():
                self.files[path] = hashlib.sha256(read_bytes(path)).hexdigest()

    def imports(self, sections: MapNode, path: Path) -> Iterator[Path]:
        base_path = sections.get("base_path")
        base = path.parent / base_path.text if isinstance(base_path, Scalar) else path.parent
        for node in _imported(sections.get("import")):
            where = f"{node.origin.file}:{node.origin.line}"
            if "://" in node.text or "::" in node.text:
                self.warnings.append(f"{where}: the import {node.text!r} is remote and not read.")
                continue
            found = sorted(_matching(base, node.text)) or sorted(_matching(path.parent, node.text))
            if not found:
                self.warnings.append(f"{where}: the import {node.text!r} matches no file.")
            yield from found


def _imported(node: Node | None) -> list[Scalar]:
    if node is None:
        return []
    items = node.items if isinstance(node, ListNode) else [node]
    texts = [item for item in items if isinstance(item, Scalar) and item.value is not None]
    if len(texts) != len(items):
        raise ConfigurationInvalidError(
            "import: expected a list of paths.", file=node.origin.file, line=node.origin.line
        )
    return texts


def _matching(base: Path, pattern: str) -> Iterator[Path]:
    path = Path(os.path.normpath(base / pattern))
    anchor = Path(path.anchor)
    candidates = [path] if path.suffix in {".yaml", ".yml"} else [Path(f"{path}{end}") for end in (".yaml", ".yml")]
    for candidate in [path, *candidates]:
        if not any(sign in str(candidate) for sign in "*?["):
            found = iter([candidate])
        else:
            found = anchor.glob(str(candidate.relative_to(anchor)))
        yield from (match for match in found if match.is_file() and match.suffix in {".yaml", ".yml"})


def _yaml_files(folder: Path) -> Iterator[Path]:
    for directory, _, names in os.walk(folder):
        yield from (Path(directory, name) for name in names if name.endswith((".yaml", ".yml")))


def _folder_order(path: Path, folder: Path) -> tuple[bool, int, str]:
    inside = path.relative_to(folder)
    return inside.name not in {"atmos.yaml", "atmos.yml"}, len(inside.parts), str(inside)


def _profiles(root: MapNode, environment: Mapping[str, str], flags: AtmosFlags) -> list[str]:
    named = [*flags.profile] or [environment.get("ATMOS_PROFILE", "")]
    names = [name.strip() for text in named for name in text.split(",") if name.strip()]
    section = root.get("profiles")
    default = section.get("default") if isinstance(section, MapNode) else None
    if not names and isinstance(default, Scalar) and default.value is not None:
        return [default.text]
    return names


def _profile_folder(name: str, root: MapNode, project: Project, environment: Mapping[str, str]) -> Path:
    section = root.get("profiles")
    base = section.get("base_path") if isinstance(section, MapNode) else None
    user = environment.get("XDG_CONFIG_HOME") or os.path.join(environment.get("HOME", ""), ".config")  # noqa: PTH118
    places = [project.directory / base.text] if isinstance(base, Scalar) and base.text else []
    places += [project.directory / ".atmos/profiles", Path(user, "atmos/profiles"), project.directory / "profiles"]
    for place in places:
        if (folder := place / name).is_dir():
            return folder
    raise ConfigurationInvalidError(
        f"The profile {name!r} is in none of {', '.join(map(str, places))}.", remedy="Check --profile or ATMOS_PROFILE."
    )
