import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.log_file import KEPT_FILES, LogFile, LogFormatter
from atmos_ai_sidecar.domain.redaction import Redactor

CANARY = "sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".atmos" / "logs" / "sidecar.log"


@pytest.fixture
def formatter() -> LogFormatter:
    return LogFormatter()


@pytest.fixture
def handler(path: Path, formatter: LogFormatter) -> Iterator[LogFile]:
    handler = LogFile(path, max_bytes=1000)
    handler.setFormatter(formatter)
    yield handler
    handler.close()


def record(message: str, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("atmos_ai_sidecar.rpc.guard", logging.INFO, "file.py", 1, message, (), info)


def raised(text: str) -> Exception:
    with pytest.raises(ValueError, match=text) as caught:
        fail(text)
    return caught.value


def fail(text: str) -> None:
    try:
        os.environ[f"no such name {text}"]
    except KeyError as cause:
        raise ValueError(text) from cause


def test_file_is_private_and_created_with_the_first_record(handler: LogFile, path: Path) -> None:
    assert not path.parent.exists()
    handler.emit(record("hello"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.read_text().endswith(" rpc.guard: hello\n")


def test_file_that_others_could_read_becomes_private(handler: LogFile, path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("old\n")
    path.chmod(0o644)
    handler.emit(record("hello"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().startswith("old\n")


def test_size_is_bounded_and_every_file_private(handler: LogFile, path: Path) -> None:
    for number in range(200):
        handler.emit(record(f"{number} {'x' * 100}"))
    files = sorted(path.parent.iterdir())
    assert len(files) == KEPT_FILES + 1
    assert all(file.stat().st_size < 1200 for file in files)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert " 199 xxx" in path.read_text()


def test_two_processes_share_a_file_that_one_of_them_moves_away(handler: LogFile, path: Path) -> None:
    handler.emit(record("first"))
    path.rename(f"{path}.1")
    handler.emit(record("second"))
    assert "second" in path.read_text()


@pytest.mark.parametrize("link", [".atmos", ".atmos/logs", ".atmos/logs/sidecar.log"])
def test_nothing_is_written_through_a_link(link: str, handler: LogFile, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    if link.endswith(".log"):
        elsewhere.touch()
    else:
        elsewhere.mkdir()
    (tmp_path / link).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / link).symlink_to(elsewhere)
    handler.emit(record("hello"))
    assert elsewhere.read_text() == "" if elsewhere.is_file() else not any(elsewhere.rglob("*.log"))


def test_file_that_cannot_be_written_is_no_failure(
    handler: LogFile, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path.mkdir(parents=True)
    handler.emit(record("hello"))
    assert capfd.readouterr() == ("", "")


def test_a_record_is_one_line_that_acts_on_no_terminal(handler: LogFile, path: Path) -> None:
    handler.emit(record("one\ntwo\x1b[31m\u2028three"))
    assert path.read_text().count("\n") == 1
    assert "one\\ntwo\\u001b[31m\\u2028three" in path.read_text()


def test_of_an_error_only_its_kind_and_place_are_told(handler: LogFile, path: Path) -> None:
    handler.emit(record("failed", raised("my prompt")))
    text = path.read_text()
    assert "my prompt" not in text
    assert "    ValueError\n    caused by\n" in text
    assert f"{__file__}:" in text


def test_in_detail_an_error_is_told_as_it_is(handler: LogFile, formatter: LogFormatter, path: Path) -> None:
    formatter.is_detailed = True
    handler.emit(record("failed", raised("my prompt")))
    assert "    ValueError: my prompt\n" in path.read_text()


def test_secrets_are_taken_out_of_messages_and_errors(handler: LogFile, formatter: LogFormatter, path: Path) -> None:
    formatter.redact = Redactor(["canary-of-the-environment"]).redact
    formatter.is_detailed = True
    handler.emit(record(f"key {CANARY}", raised(f"canary-of-the-environment and token={CANARY}")))
    text = path.read_text()
    assert CANARY not in text
    assert "canary-of" not in text
    assert "<<secret:1>>" in text


def test_the_process_is_named(handler: LogFile, path: Path) -> None:
    handler.emit(record("hello"))
    assert f" INFO {os.getpid()} " in path.read_text()
