from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from atmos_ai_sidecar.adapters import checkpoint_files
from atmos_ai_sidecar.adapters.checkpoint_files import CheckpointFiles
from atmos_ai_sidecar.domain.checkpoints import checkpoint_from_values
from atmos_ai_sidecar.errors import InvalidFieldError
from tests.domain.test_checkpoints import CHECKPOINT, values

FILES = CheckpointFiles()
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
LINES = st.lists(st.text(st.sampled_from("a b:#-|>'\"\t%@`!&*{}[],?\\ü\x85\u2028"), max_size=8), max_size=5).map(
    "\n".join
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS | LINES
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4))


@pytest.mark.parametrize("write", [FILES.to_json, FILES.to_yaml], ids=["json", "yaml"])
def test_a_session_comes_back_from_its_file(write: Any) -> None:
    assert checkpoint_from_values(FILES.from_text(write(values()).encode())) == CHECKPOINT


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
@example({"": "\x7f\n0"})
@example({"": "\ufeff\n0"})
def test_every_value_comes_back_from_yaml(found: dict[str, Any]) -> None:
    assert FILES.from_text(b"---\n" + FILES.to_yaml(found).encode()) == found


@given(st.dictionaries(st.sampled_from(["a", "yes", "b c"]), LINES | TEXTS, max_size=3))
def test_another_yaml_reader_sees_the_same(found: dict[str, Any]) -> None:
    assert YAML(typ="safe", pure=True).load(FILES.to_yaml(found)) == found


def test_lines_stay_readable_in_yaml() -> None:
    assert FILES.to_yaml({"content": "one\n\n  two"}) == "content: |-\n  one\n\n    two\n"


def test_times_in_yaml_stay_texts() -> None:
    assert FILES.from_text(b"at: 2026-01-02T03:04:05Z\nversion: '1.0'\nn: 3\nnone: ~\n") == {
        "at": "2026-01-02T03:04:05Z", "version": "1.0", "n": 3, "none": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a: !!python/object/apply:os.system ['true']", "tag"),
        (b"a: !!binary aGk=", "tag"),
        (b"a: &x [1]\nb: *x", "anchor"),
        (b"a: &x lol", "anchor"),
        (b"- " * 100 + b"a", "nested"),
        (b"a: 1\na: 2", "twice"),
        (b"? [a]\n: b", "no text"),
        (b"a: 1\n---\nb: 2", "more than one document"),
        (b"a: [1", "no YAML"),
        (b"a: \x00", "no YAML"),
        (b"\xff\xfe", "UTF-8"),
        (b"[" * 200_000, "deep|no JSON"),
        (b'{"a": NaN}', "no JSON"),
        (b'{"a": ', "no JSON"),
    ],
)
def test_a_hostile_file_is_refused_with_the_reason(content: bytes, problem: str) -> None:
    with pytest.raises(InvalidFieldError, match=problem):
        FILES.from_text(content)


def test_a_huge_file_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_files, "MAX_YAML_BYTES", 10)
    with pytest.raises(InvalidFieldError, match="at most 10"):
        FILES.from_text(b"a: 123456789")
    monkeypatch.setattr(checkpoint_files, "MAX_FILE_BYTES", 20)
    with pytest.raises(InvalidFieldError, match="at most 20"):
        FILES.from_text(b'{"a": "1234567890123"}')


def test_markdown_is_refused_with_what_can_be_imported() -> None:
    with pytest.raises(InvalidFieldError, match="is no YAML") as caught:
        FILES.from_text(b"# s1\n\n* project: infra\n\n**You** said: [x\n")
    assert "json or yaml" in caught.value.remedy
