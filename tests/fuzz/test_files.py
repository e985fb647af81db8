"""What is read from disk and from the model, changed at random: it is read or refused with a reason, nothing else."""

import os
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atmos_ai_sidecar.adapters.checkpoint_files import CheckpointFiles
from atmos_ai_sidecar.adapters.command_parser import TreeSitterCommandParser
from atmos_ai_sidecar.configuration import load_configuration
from atmos_ai_sidecar.demo.demo import DEMO
from atmos_ai_sidecar.domain.checkpoints import checkpoint_from_values, checkpoint_values
from atmos_ai_sidecar.domain.commands import assess
from atmos_ai_sidecar.errors import AIDisabledError, ConfigurationInvalidError, InvalidFieldError
from tests.corpus import read_commands
from tests.domain.test_checkpoints import values
from tests.fuzz import corpus

EXAMPLES = int(os.environ.get("ATMOS_AI_FUZZ_EXAMPLES", "150"))
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
FILES = CheckpointFiles()
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PARSE = TreeSitterCommandParser().parse
COMMANDS = [row.command for row in read_commands()]
PIECES = [
    b"\0", b"\xff", b"\xed\xa0\x80", b"\n", b"\t", b"- ", b": ", b"{", b"[" * 200, b"&a ", b"*a", b"!!python/object:x ",
    b"!exec ", b"!include ", b"<<: ", b"|-\n", b">+9\n", b"%YAML 1.1\n---\n", b"NaN", b"1e999", b"-0", b"9" * 400, b'"',
    b"\\ud800", "\u2028".encode(), b"null", b"~", b"? ", b"#", b"...",
]  # fmt: skip


def changed(text: bytes, seed: int) -> bytes:
    """The text with a few changes that break formats: pieces put in, taken out, doubled, moved and flipped."""
    chance = random.Random(seed)
    for _ in range(chance.randint(0, 6)):
        start = chance.randint(0, len(text))
        end = min(len(text), start + chance.choice([0, 1, 3, 20, 300]))
        middle = chance.choice([b"", text[start:end] * 2, chance.choice(PIECES), chance.randbytes(3), text[end:start]])
        text = text[:start] + middle + text[end:]
    return text


SEEDS = st.integers(0, 2**40)
CHECKPOINTS = [FILES.to_json(values()).encode(), FILES.to_yaml(values()).encode()]
TEXTS = st.one_of(st.binary(max_size=400), st.builds(changed, st.sampled_from(CHECKPOINTS), SEEDS))


@FUZZ
@given(TEXTS)
def test_checkpoint_of_any_bytes_is_a_checkpoint_or_an_invalid_field(text: bytes) -> None:
    check_checkpoint(text)


@pytest.mark.parametrize("text", corpus("checkpoints"))
def test_checkpoint_of_the_corpus_is_a_checkpoint_or_an_invalid_field(text: bytes) -> None:
    check_checkpoint(text)


def check_checkpoint(text: bytes) -> None:
    try:
        checkpoint = checkpoint_from_values(FILES.from_text(text))
    except InvalidFieldError:
        return
    assert FILES.from_text(FILES.to_json(checkpoint_values(checkpoint, NOW)).encode())


@FUZZ
@given(data=st.data())
def test_configuration_of_any_bytes_is_read_or_refused_with_a_reason(data: st.DataObject, tmp_path: Path) -> None:
    original = (DEMO / "project" / "atmos.yaml").read_bytes()
    check_configuration(
        data.draw(st.one_of(st.binary(max_size=300), st.builds(changed, st.just(original), SEEDS))), tmp_path
    )


@pytest.mark.parametrize("text", corpus("configurations"))
def test_configuration_of_the_corpus_is_read_or_refused_with_a_reason(text: bytes, tmp_path: Path) -> None:
    check_configuration(text, tmp_path)


def check_configuration(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "atmos.yaml").write_bytes(text)
    try:
        load_configuration(str(tmp_path), {"HOME": str(tmp_path)}, allow_unevaluated=True)
    except (ConfigurationInvalidError, AIDisabledError):
        return


@FUZZ
@given(
    st.one_of(
        st.text(max_size=200),
        st.builds(
            lambda text, seed: changed(text.encode(), seed).decode(errors="replace"), st.sampled_from(COMMANDS), SEEDS
        ),
    )
)
def test_any_command_line_gets_a_class_and_always_the_same_one(text: str) -> None:
    check_command(text)


@pytest.mark.parametrize("text", corpus("commands"))
def test_command_line_of_the_corpus_gets_a_class_and_always_the_same_one(text: bytes) -> None:
    check_command(text.decode())


def check_command(text: str) -> None:
    found = assess(text, PARSE)
    assert found.command_class is not None
    assert assess(text, PARSE) == found
