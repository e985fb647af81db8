from dataclasses import replace
from datetime import UTC, datetime

import pytest

from atmos_ai_sidecar.application.trust import Trust, is_run_trusted
from atmos_ai_sidecar.domain.trust import Claim, TrustRecord, TrustSubject

PROJECT = TrustSubject(directory="/p", files={"atmos.yaml": "aa"}, claims=[Claim(setting="ai.provider", value="x")])


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 3, 4, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError


class TrustInMemory:
    def __init__(self) -> None:
        self.records: dict[str, TrustRecord] = {}

    def load(self, directory: str) -> TrustRecord | None:
        return self.records.get(directory)

    def save(self, record: TrustRecord) -> None:
        self.records[record.directory] = record


@pytest.fixture
def store() -> TrustInMemory:
    return TrustInMemory()


def test_an_unknown_project_is_not_trusted(store: TrustInMemory) -> None:
    question = Trust(store, FixedClock()).question(PROJECT)
    assert question is not None
    assert question.project_path == "/p"
    assert not question.has_changed
    assert "  ai.provider: x" in question.lines


def test_an_answer_is_stored_and_holds_until_the_files_change(store: TrustInMemory) -> None:
    Trust(store, FixedClock()).remember(PROJECT)
    trust = Trust(store, FixedClock())
    assert trust.question(PROJECT) is None
    assert trust.question(replace(PROJECT, files={"atmos.yaml": "bb"})) is not None


def test_a_flag_trusts_one_run_and_stores_nothing(store: TrustInMemory) -> None:
    assert Trust(store, FixedClock(), for_this_run=True).question(PROJECT) is None
    assert store.records == {}


def test_the_question_tells_what_changed_since_the_last_answer(store: TrustInMemory) -> None:
    trust = Trust(store, FixedClock())
    trust.remember(PROJECT)
    question = trust.question(replace(PROJECT, files={"atmos.yaml": "bb"}))
    assert question is not None
    assert question.has_changed
    assert "  atmos.yaml changed" in question.lines


@pytest.mark.parametrize(
    ("environment", "flag", "expected"),
    [
        ({}, False, False),
        ({}, True, True),
        ({"ATMOS_AI_TRUST_PROJECT": "1"}, False, True),
        ({"ATMOS_AI_TRUST_PROJECT": "True"}, False, True),
        ({"ATMOS_AI_TRUST_PROJECT": "0"}, False, False),
        ({"ATMOS_AI_TRUST_PROJECT": ""}, False, False),
    ],
)
def test_flag_or_variable_vouch_for_a_run(environment: dict[str, str], flag: bool, expected: bool) -> None:
    assert is_run_trusted(environment, flag=flag) is expected
