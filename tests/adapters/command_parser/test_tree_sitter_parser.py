import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from atmos_ai_sidecar.adapters.command_parser import TreeSitterCommandParser
from atmos_ai_sidecar.application.ports.command_parser import CommandParser
from atmos_ai_sidecar.domain.commands import MAX_NESTING, SyntaxTree

PARSER: CommandParser = TreeSitterCommandParser()


def nodes(tree: SyntaxTree) -> Iterator[SyntaxTree]:
    yield tree
    for child in tree.children:
        yield from nodes(child)


def test_a_command_line_becomes_nodes_of_our_own() -> None:
    tree = PARSER.parse("ls -l")

    assert [(node.kind, node.text) for node in nodes(tree)] == [
        ("program", "ls -l"),
        ("command", "ls -l"),
        ("command_name", "ls"),
        ("word", "ls"),
        ("word", "-l"),
    ]


@pytest.mark.parametrize("text", ["ls 'größe' x", "echo é; rm 東京 y", "\U0001f600 a\n  b", "  ls", "ls \ud800 x"])
def test_offsets_count_characters(text: str) -> None:
    for node in nodes(PARSER.parse(text)):
        assert node.text == text[node.start : node.end].replace("\ud800", "?")


def test_what_cannot_be_read_is_an_error_node() -> None:
    assert any(node.is_error for node in nodes(PARSER.parse("ls 'x")))
    assert any(node.is_missing or node.is_error for node in nodes(PARSER.parse("ls $(")))


def test_what_lies_too_deep_is_an_error_without_children() -> None:
    errors = [node for node in nodes(PARSER.parse("( " * 200 + "ls" + " )" * 200)) if node.is_error]

    assert errors
    assert not any(node.children for node in errors)


def test_depth_of_the_tree_is_bounded() -> None:
    def depth(tree: SyntaxTree) -> int:
        return 1 + max(map(depth, tree.children), default=0)

    assert depth(PARSER.parse("ls" + " && ls" * 500)) <= MAX_NESTING + 1


def test_threads_may_share_a_parser() -> None:
    texts = [f"echo {'x' * number} | cat" for number in range(200)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        trees = list(pool.map(PARSER.parse, texts))

    assert [tree.text for tree in trees] == texts


def test_the_driver_is_imported_with_the_first_command_only() -> None:
    code = (
        "import sys, atmos_ai_sidecar.adapters.command_parser as a; p = a.TreeSitterCommandParser();"
        "assert 'tree_sitter' not in sys.modules; p.parse('ls'); assert 'tree_sitter' in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)


@pytest.mark.parametrize("character", ["\u0100", "\u2028", "\u3000", "\ud7ff", "\ufeff", "\U000def9f", "\U0010ffff"])
def test_characters_beyond_the_tables_of_c_end_no_process(character: str) -> None:
    texts = [f"\r{{{character}5", f"echo {{{character}..5}}", f"${{{character}", f"cat <<{character}\n{character}\n"]
    program = (
        "import sys; from atmos_ai_sidecar.adapters.command_parser import TreeSitterCommandParser as Parser\n"
        "for text in sys.argv[1:]: [Parser().parse(text) for _ in range(200)]"
    )
    subprocess.run([sys.executable, "-I", "-c", program, *texts], check=True)


def test_characters_beyond_latin_stay_what_they_are_in_the_tree() -> None:
    tree = TreeSitterCommandParser().parse("echo '日本' née 🙂; ls")
    assert tree.text == "echo '日本' née 🙂; ls"
    assert [child.text for child in tree.children] == ["echo '日本' née 🙂", ";", "ls"]
