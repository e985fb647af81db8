from pathlib import Path
from typing import Any

import pytest

from atmos_ai_sidecar.configuration.nodes import ListNode, MapNode, Node, Scalar
from atmos_ai_sidecar.configuration.yaml_file import MAX_FILE_BYTES, parse, read_yaml_file
from atmos_ai_sidecar.errors import ConfigurationInvalidError


def plain(node: Node) -> Any:
    if isinstance(node, MapNode):
        return {key: plain(child) for key, child in node.entries.items()}
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return node.value


def node_at(text: str, *path: str) -> Node:
    node = parse(text, "atmos.yaml")
    for name in path:
        assert isinstance(node, MapNode)
        found = node.get(name)
        assert found is not None
        node = found
    return node


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("off", "off"),
        ("12", 12),
        ("-3", -3),
        ("0x1f", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1" * 40, "1" * 40),
        ("~", None),
        ("null", None),
        ("", None),
        ('"12"', "12"),
        ("'true'", "true"),
        ("!!str 12", "12"),
        ("!!int 12", 12),
        ("! 12", "12"),
        ("12:30", "12:30"),
        ("|\n  a\n  b\n", "a\nb\n"),
    ],
)
def test_plain_text_means_what_yaml_1_2_says(written: str, value: object) -> None:
    node = node_at(f"key: {written}", "key")
    assert isinstance(node, Scalar)
    assert node.value == value
    assert type(node.value) is type(value)


def test_values_know_the_line_of_their_key() -> None:
    text = "# comment\nai:\n  enabled: true\n  tools:\n    allowed:\n      - a\n      - b\n"
    assert node_at(text, "ai").origin.line == 2
    assert node_at(text, "ai", "tools").origin.line == 4
    allowed = node_at(text, "ai", "tools", "allowed")
    assert isinstance(allowed, ListNode)
    assert [item.origin.line for item in allowed.items] == [6, 7]


def test_keys_are_found_in_any_case() -> None:
    assert plain(node_at("AI: {Enabled: true}", "ai", "enabled")) is True


def test_anchors_aliases_and_merge_keys_work() -> None:
    text = "x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: {<<: [*x, {c: 4}]}\nw: *x\n"
    assert plain(parse(text, "f")) == {
        "x": {"a": 1, "b": 2},
        "y": {"a": 1, "b": 3},
        "z": {"a": 1, "b": 2, "c": 4},
        "w": {"a": 1, "b": 2},
    }


def test_functions_of_atmos_stay_as_tags() -> None:
    node = node_at("key: !exec date", "key")
    assert isinstance(node, Scalar)
    assert (node.tag, node.text) == ("!exec", "date")


def test_only_the_first_document_counts() -> None:
    assert plain(parse("---\na: 1\n---\nb: 2\n", "f")) == {"a": 1}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "---\n...\n"])
def test_an_empty_file_is_an_empty_map(tmp_path: Path, text: str) -> None:
    path = tmp_path / "atmos.yaml"
    path.write_text(text)
    assert plain(read_yaml_file(path).root) == {}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: [1,\nb: 2", 2, "column 5: expected ',' or ']'"),
        ("a: 1\nb: 'x\n", 3, "unexpected end of stream while scanning a quoted scalar that starts in line 2"),
        ("a: 1\n\tb: 2", 2, "column 1"),
        ("a: b: c", 1, "mapping values are not allowed here"),
        ("a: 1\nb: \x01", 2, "U+0001"),
        ("a: 1\na: 2", 2, "'a' is written twice"),
        ("a: *missing", 1, "no anchor &missing"),
        ("a: &a [*a]", 1, "no anchor &a"),
        ("a: {{ .x }}", 1, "quotes"),
        ("a: {<<: 3}", 1, "takes a map"),
        ("- a\n- b\n", 1, "top level must be a map"),
        ("just text", 1, "top level must be a map"),
    ],
)
def test_a_broken_file_names_file_line_and_problem(tmp_path: Path, text: str, line: int, words: str) -> None:
    path = tmp_path / "atmos.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationInvalidError) as caught:
        read_yaml_file(path)
    assert words in str(caught.value)
    assert (caught.value.file, caught.value.line) == (str(path), line)


def test_aliases_that_multiply_are_refused() -> None:
    lines = ["a: &a [" + ",".join("x" * 10) + "]"]
    for name, before in zip("bcdefghij", "abcdefghi", strict=True):
        lines.append(f"{name}: &{name} [" + ",".join([f"*{before}"] * 10) + "]")
    with pytest.raises(ConfigurationInvalidError, match="More than 100000 values"):
        parse("\n".join(lines), "f")


@pytest.mark.parametrize("text", ["[" * 1000, "- " * 1000, "{a: " * 200])
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationInvalidError, match="More than 64 levels"):
        parse(text, "f")


def test_a_large_file_is_refused_without_reading_it_all(tmp_path: Path) -> None:
    path = tmp_path / "atmos.yaml"
    path.write_bytes(b"a: 1\n" + b"#" * MAX_FILE_BYTES)
    with pytest.raises(ConfigurationInvalidError, match="larger than 1 MiB"):
        read_yaml_file(path)


def test_text_that_is_not_utf_8_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "atmos.yaml"
    path.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(ConfigurationInvalidError, match="not UTF-8") as caught:
        read_yaml_file(path)
    assert caught.value.line == 2


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    path = tmp_path / "atmos.yaml"
    path.write_bytes(b"\xef\xbb\xbfai: 1\n")
    assert plain(read_yaml_file(path).root) == {"ai": 1}


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalidError, match="cannot be read: No such file"):
        read_yaml_file(tmp_path / "atmos.yaml")


@pytest.mark.parametrize("line", [r'base_path: "a\ud800"', r'base_path: "a\0"', r'"a\0": 1', r'a: ["\udfff"]'])
def test_characters_that_no_path_and_no_text_can_hold_are_refused_with_their_line(line: str) -> None:
    with pytest.raises(
        ConfigurationInvalidError, match=r"atmos.yaml:2: The character \\u[0d][0-9a-f]{3} cannot be used"
    ):
        parse(f"\n{line}\n", "atmos.yaml")
