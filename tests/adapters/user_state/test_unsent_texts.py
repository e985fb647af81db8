import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.user_state import UnsentTextsFolder
from atmos_ai_sidecar.adapters.user_state.unsent_texts import KEPT_DAYS
from atmos_ai_sidecar.application.ports.unsent_texts import Unsent
from atmos_ai_sidecar.errors import StorageUnavailableError

DRAFT = Unsent(session_id="s1", draft="the CIDR of 日本 \udcff")
MESSAGES = Unsent(session_id="s1", sending="one", queue=("two\nlines", "three"))
KILLED = """
import os, signal, sys
from pathlib import Path
from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.user_state import UnsentTextsFolder
from atmos_ai_sidecar.application.ports.unsent_texts import Unsent
UnsentTextsFolder(Path(sys.argv[1]), "/project", SystemClock()).keep(Unsent(session_id="s1", draft="from the dead"))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def chat(state: Path, project: str = "/project") -> UnsentTextsFolder:
    return UnsentTextsFolder(state, project, SystemClock())


def files(state: Path) -> list[Path]:
    return sorted(state.rglob("unsent/*.json"))


def test_what_a_killed_process_kept_comes_back_once(state: Path) -> None:
    subprocess.run((sys.executable, "-c", KILLED, str(state)), check=False, timeout=30)
    assert chat(state, "/other").take_over("s1") is None
    assert chat(state).take_over("s2") is None
    first, second = chat(state), chat(state)
    assert first.take_over("s1") == Unsent(session_id="s1", draft="from the dead")
    assert second.take_over("s1") is None
    assert first.take_over("s1") is None


@pytest.mark.parametrize("unsent", [DRAFT, MESSAGES])
def test_a_living_chat_keeps_its_own_until_it_gives_it_up(state: Path, unsent: Unsent) -> None:
    first = chat(state)
    first.keep(Unsent(session_id="s1", draft="older"))
    first.keep(unsent)
    assert chat(state).take_over("s1") is None
    first.close(unsent)
    assert chat(state).take_over("s1") == unsent


def test_what_several_chats_left_comes_together_with_the_newest_draft_as_the_draft(state: Path) -> None:
    for age, unsent in ((20, MESSAGES), (10, DRAFT), (0, Unsent(session_id="s1", draft="new", queue=("four",)))):
        one = chat(state)
        one.close(unsent)
        written = next(path for path in files(state) if time.time() - path.stat().st_mtime < 5)
        os.utime(written, (time.time() - age, time.time() - age))
    taken = chat(state).take_over("s1")
    assert taken == Unsent(session_id="s1", draft="new", queue=("one", "two\nlines", "three", DRAFT.draft, "four"))


def test_the_file_is_private_and_gone_when_everything_was_sent(state: Path) -> None:
    one = chat(state)
    one.keep(DRAFT)
    (file,) = files(state)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    one.keep(Unsent(session_id="s1", draft=" \n"))
    one.close(None)
    assert [*file.parent.iterdir()] == [file.parent / "lock"]


def test_nothing_is_kept_after_the_end(state: Path) -> None:
    one = chat(state)
    one.close(Unsent(session_id="s1"))
    one.keep(DRAFT)
    assert files(state) == []


def test_too_much_keeps_what_was_kept(state: Path) -> None:
    one = chat(state)
    one.keep(DRAFT)
    one.close(Unsent(session_id="s1", draft="x" * (4 << 20)))
    assert chat(state).take_over("s1") == DRAFT


def test_what_is_not_ours_is_left_alone_and_what_is_old_goes(state: Path) -> None:
    chat(state).close(DRAFT)
    chat(state).close(MESSAGES)
    old, wrong = files(state)
    os.utime(old, (0, time.time() - (KEPT_DAYS + 1) * 86_400))
    wrong.write_text('{"version": 1, "session": "s1", "draft": 5, "sending": "", "queue": []}')
    broken = wrong.with_name("0123456789abcdef.json")
    broken.write_text("{")
    broken.with_name("fedcba9876543210.json").symlink_to("/etc/passwd")
    assert chat(state).take_over("s1") is None
    assert not old.exists()
    assert broken.read_text() == "{"


def test_no_place_to_keep_it_is_an_error_that_says_so(state: Path) -> None:
    state.parent.mkdir(exist_ok=True)
    state.write_text("")
    with pytest.raises(StorageUnavailableError):
        chat(state).keep(DRAFT)
