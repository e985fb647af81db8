"""The documents are true: commands are accepted, configuration is read, links lead somewhere, named files exist.

What docs/configuration.md says in its table is checked by ``tests/configuration/test_documentation.py``.
"""

import ast
import importlib
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from google.protobuf import json_format
from ruamel.yaml import YAML

from atmos_ai_sidecar.handshake import Bootstrap, Handshake, StartError, parse_bootstrap, parse_handshake
from atmos_ai_sidecar.terminal.commands.init import AI_SECTION, CUSTOM_COMMAND
from atmos_ai_sidecar.terminal.main import root
from atmos_ai_sidecar.v1 import chat_service_pb2
from tests.command_lines import check, words_of
from tests.configuration.conftest import ProjectFolder

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
EVERY_PAGE = (*PAGES, *sorted((ROOT / "docs" / "decisions").glob("*.md")))

SHELL = ("sh", "bash", "console")
NOT_PARSED = {
    "text": "what a program prints",
    "": "a picture or a diagram; a test sees to it that no command is in it",
    "diff": "what a question shows",
    "go": "an excerpt: the package that it imports from Atmos is not on this machine",
    "typescript": "an excerpt that its test has in whole",
}
"""Languages of blocks that are not parsed here, and why."""

OTHER_PROGRAMS = frozenset(
    """
    make export cd atmos jq grpcurl git pip pipx uv python python3 curl terraform echo source printf for case esac if fi
    done do then answer= unset less cat go npm npx node claude mkdir cp .venv/bin/python
    """.split()  # noqa: SIM905 - a list to be read
)
"""What a line of shell may begin with, beside `atmos-ai`; a new one is looked at by whoever adds it here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    fence, language, start, lines = "", "", 0, list[str]()
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        found = re.match(r"\s*(`{3,})\s*([\w-]*)\s*$", line)
        if not fence and found:
            fence, language, start, lines = found[1], found[2], number, []
        elif fence and line.strip() == fence:
            yield Block(page=str(page.relative_to(ROOT)), line=start, language=language, text="\n".join(lines) + "\n")
            fence = ""
        else:
            lines.append(line)
    assert not fence, f"{page}:{start}: a block that does not end"


BLOCKS = [block for page in EVERY_PAGE for block in blocks_of(page)]


def of(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


def commands(block: Block) -> list[str]:
    """The lines of a block of shell; of a console, those behind the prompt. A line that goes on is one line."""
    text = block.text.replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [line[2:] for line in lines if line.startswith("$ ")] if block.language == "console" else lines


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    return ProjectFolder(tmp_path.resolve())


def test_blocks_are_found() -> None:
    assert {"README.md", "docs/configuration.md", "docs/automation.md"} <= {block.page for block in BLOCKS}
    assert len(of(*SHELL)) > 5
    assert len(of("yaml")) > 5


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_block_is_parsed_or_it_is_said_why_not(block: Block) -> None:
    assert block.language in {*SHELL, "yaml", "json", "jsonl", "python", "toml", *NOT_PARSED}


@pytest.mark.parametrize("block", of("yaml"), ids=str)
def test_every_yaml_block_is_yaml_and_every_configuration_is_read(project: ProjectFolder, block: Block) -> None:
    document = YAML(typ="safe", pure=True)
    document.constructor.add_multi_constructor("!", lambda _loader, _suffix, node: str(node.value))
    values = document.load(block.text)
    if isinstance(values, dict) and values.keys() & {"ai", "mcp", "settings"}:
        project.write(block.text)
        assert project.load().warnings == ()


@pytest.mark.parametrize("block", of("json", "jsonl"), ids=str)
def test_every_json_block_is_json(block: Block) -> None:
    for text in block.text.splitlines() if block.language == "jsonl" else (block.text,):
        json.loads(text)


@pytest.mark.parametrize("block", of("python"), ids=str)
def test_every_python_block_compiles_and_imports_what_exists(block: Block) -> None:
    tree = ast.parse(block.text)
    for statement in ast.walk(tree):
        if isinstance(statement, ast.ImportFrom):
            name = statement.module or ""
            module = importlib.import_module(name)
            for alias in statement.names:
                assert hasattr(module, alias.name) or importlib.import_module(f"{name}.{alias.name}")


@pytest.mark.parametrize("block", of("toml"), ids=str)
def test_every_toml_block_is_toml(block: Block) -> None:
    tomllib.loads(block.text)


@pytest.mark.parametrize("block", of(""), ids=str)
def test_no_command_is_in_a_block_that_is_not_parsed(block: Block) -> None:
    assert not re.search(r"^\s*(?:\$ )?(?:atmos-ai|make|atmos) ", block.text, re.MULTILINE)


@pytest.mark.parametrize("block", of(*SHELL), ids=str)
def test_every_command_of_ours_is_accepted(block: Block) -> None:
    for line in commands(block):
        for text in (line, *re.findall(r"\$\(([^)]*)\)", line)):
            if "atmos-ai " in text and "$(" not in text:
                for call in words_of(text):
                    check(call)


@pytest.mark.parametrize("block", of(*SHELL), ids=str)
def test_every_other_program_is_one_that_we_know(block: Block) -> None:
    for line in commands(block):
        if re.match(r"\S+\) |\w+\)", line):  # a branch of `case`
            continue
        word = re.sub(r"^(?:[A-Z][A-Z0-9_]*=\S*\s+)+", "", line).split()[0]
        word = re.sub(r"=.*", "=", word) if re.match(r"\w+=", word) else word
        is_variable = re.fullmatch(r"[A-Z][A-Z0-9_]*=", word) is not None
        assert word in OTHER_PROGRAMS or word in ("atmos-ai", ".venv/bin/atmos-ai") or is_variable, line


COMMAND = re.compile(r"`(atmos-ai [^`\n]*)`")
LEFT_OUT = re.compile(r"[\[\]…|<>]|\b[A-Z]{3,}\b.*=|\.\.\.")
"""Marks of a pattern, which is no command line."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_in_a_sentence_is_accepted(page: Path) -> None:
    for text in COMMAND.findall(page.read_text(encoding="utf-8")):
        if not LEFT_OUT.search(text):
            for call in words_of(text):
                check(call)


def named_command(pattern: str) -> tuple[click.Command, list[str]]:
    """The last command that a pattern names, and what stands behind it."""
    command: click.Command = root
    words = pattern.split()[1:]
    while isinstance(command, click.Group) and words and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    return command, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_pattern_of_a_command_names_subcommands_and_options_that_exist(page: Path) -> None:
    for text in COMMAND.findall(page.read_text(encoding="utf-8")):
        if not LEFT_OUT.search(text) or text == "atmos-ai …":
            continue
        command, words = named_command(text.replace("\\|", "|"))
        options = {name for parameter in command.params for name in parameter.opts}
        assert set(re.findall(r"(?<!\w)--?[a-z][a-z-]*", " ".join(words))) <= options, text
        if isinstance(command, click.Group):
            assert len(words) == 1, text
            assert set(words[0].strip("[]").split("|")) <= set(command.commands), text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE))
    assert named <= targets


def anchors_of(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", EVERY_PAGE, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"^\s*(`{3,}).*?^\s*\1", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`\n]*`", "", text)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if "://" in path or path.startswith("mailto:"):
            continue
        file = page if not path else (page.parent / path).resolve()
        assert file.exists(), target
        assert not anchor or anchor in anchors_of(file), target


def named_in(text: str, folder: Path) -> Iterator[Path]:
    """The files that a cell of a map names, below a folder."""
    for name in re.findall(r"`([^`\s]+)`", text):
        if re.search(r"\.(?:py|go|md|json|toml|sh)$|/$|^Makefile$", name) and not name.startswith(("$", "~", ".")):
            yield folder / name


def test_every_file_of_the_readme_map_exists() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").split("## Map of the repository")[1].split("\n## ")[0]
    first_cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    assert len(first_cells) > 10
    for cell in first_cells:
        folders = re.findall(r"`(\S+/)[\w.]+`|`(\S+/)`", cell)
        for path in named_in(cell, ROOT):
            beside = ROOT / (folders[0][0] or folders[0][1]) if folders else ROOT
            assert path.exists() or (beside / path.relative_to(ROOT)).exists(), path


def test_every_file_of_the_architecture_map_exists() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z_]+)/`[^|]* \| (.*) \|$", page.split("## Layers")[1].split("\n## ")[0], re.MULTILINE)
    assert {"domain", "application", "adapters", "terminal"} <= {folder for folder, _ in rows}
    package = ROOT / "atmos_ai_sidecar"
    for folder, cell in rows:
        for path in named_in(cell, package / folder):
            name = path.name
            assert path.exists() or any(path.parent.rglob(name)), path


def test_every_folder_of_the_package_is_on_both_maps() -> None:
    folders = {path.parent.name for path in (ROOT / "atmos_ai_sidecar").glob("*/__init__.py")}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("## Layers")[1].split("\n## ")[0]
    for folder in folders:
        assert re.search(rf"`(?:atmos_ai_sidecar/)?{folder}/`", readme), folder
        assert re.search(rf"^\| .*`{folder}/`", rows, re.MULTILINE), folder


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_the_layers_are_those_that_the_linter_checks(page: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (layers,) = [each["layers"] for each in project["tool"]["importlinter"]["contracts"] if each["type"] == "layers"]
    assert " → ".join(layers) in (ROOT / page).read_text(encoding="utf-8")


def test_contributors_are_told_of_every_target() -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert len(targets) > 10
    assert [target for target in targets if f"`make {target}`" not in page] == []


def test_every_page_is_named_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for page in sorted((ROOT / "docs").glob("*.md")):
        assert f"(docs/{page.name}" in readme, page.name


def test_every_test_that_a_page_names_exists() -> None:
    for page in PAGES:
        for name in re.findall(r"`((?:tests|go-shim)/[\w/.-]+)`", page.read_text(encoding="utf-8")):
            assert (ROOT / name).exists(), f"{page.name}: {name}"


def test_the_pages_show_what_init_writes() -> None:
    assert CUSTOM_COMMAND in (ROOT / "README.md").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
    assert AI_SECTION.strip() in page


def test_messages_of_the_shim_that_are_explained_are_those_of_its_code() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    code = " ".join(path.read_text(encoding="utf-8") for path in (ROOT / "go-shim" / "internal").rglob("*.go"))
    for quoted in (
        "no Python with the package atmos-ai-sidecar was found",
        "there is no place for its socket",
        "it did not answer in time",
        "it speaks protocol ",
        "the assistant process ended unexpectedly",
    ):
        assert quoted in page, quoted
        assert quoted in code, quoted


def test_the_lines_of_the_protocol_page_are_what_our_own_parsers_take() -> None:
    blocks = [block for block in BLOCKS if block.page == "docs/protocol.md"]
    (bootstrap,) = [block.text for block in blocks if block.language == "json"]
    assert isinstance(parse_bootstrap(bootstrap.encode()), Bootstrap)
    (handshakes,) = [block.text for block in blocks if block.language == "text"]
    started, refused = handshakes.splitlines()
    assert isinstance(parse_handshake(started.encode()), Handshake)
    assert isinstance(parse_handshake(refused.encode()), StartError)
    (turn,) = [block.text for block in blocks if block.language == "jsonl"]
    events = [json_format.Parse(line, chat_service_pb2.ChatRequest()) for line in turn.splitlines()]
    assert [event.WhichOneof("event") for event in events] == ["attach", "user_message"]


def test_the_reference_says_which_fields_exclude_each_other_and_links_every_rpc() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert "| `session_name` = 2 | string, one of `session` |" in page
    assert "| `resume_after_seq` = 3 | optional int64 |" in page
    rpcs = re.findall(r"^### (\w+Service)\.(\w+)$", page, re.MULTILINE)
    assert len(rpcs) > 30
    assert all(f"[{rpc}](#{service.lower()}{rpc.lower()})" in page for service, rpc in rpcs)
