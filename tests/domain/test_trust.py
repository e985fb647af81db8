from dataclasses import replace
from datetime import UTC, datetime

from atmos_ai_sidecar.domain.questions import LINE_COLUMNS, columns
from atmos_ai_sidecar.domain.trust import Claim, TrustSubject, record_of, trust_question

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
SUBJECT = TrustSubject(
    directory="/projects/fleet",
    files={"atmos.yaml": "aa", ".atmos.d/ai.yaml": "bb", "same.yaml": "ee"},
    claims=[
        Claim(setting="ai.provider", value="anthropic", file="atmos.yaml", line=3),
        Claim(setting="ai.tools.yolo_mode", value="true"),
    ],
)


def test_a_record_covers_the_project_as_it_was() -> None:
    assert record_of(SUBJECT, NOON).covers(SUBJECT)


def test_a_record_does_not_cover_another_file_content_name_or_directory() -> None:
    record = record_of(SUBJECT, NOON)
    assert not record.covers(replace(SUBJECT, files={**SUBJECT.files, "atmos.yaml": "cc"}))
    assert not record.covers(replace(SUBJECT, files={**SUBJECT.files, "x.yaml": "dd"}))
    assert not record.covers(replace(SUBJECT, files={"atmos.yaml": "aa"}))
    assert not record.covers(replace(SUBJECT, directory="/projects/other"))


def test_the_first_question_shows_everything_that_matters() -> None:
    assert trust_question(SUBJECT, None) == (
        "Do you trust the project /projects/fleet?",
        "If you do, atmos runs in it, and its files can run programs on this machine.",
        "What tools answer is sent to the model.",
        "It sets:",
        "  ai.provider: anthropic (atmos.yaml:3)",
        "  ai.tools.yolo_mode: true",
    )


def test_a_later_question_shows_what_has_changed() -> None:
    now = TrustSubject(
        directory=SUBJECT.directory,
        files={"atmos.yaml": "cc", "new.yaml": "dd", "same.yaml": "ee"},
        claims=[SUBJECT.claims[0], Claim(setting="ai.tools.mode", value="allow")],
    )
    assert trust_question(now, record_of(SUBJECT, NOON))[3:] == (
        "You trusted it on 2026-03-04 12:00 UTC. Since then:",
        "New:",
        "  ai.tools.mode: allow",
        "Gone:",
        "  ai.tools.yolo_mode: true",
        "Files:",
        "  .atmos.d/ai.yaml removed",
        "  atmos.yaml changed",
        "  new.yaml added",
    )


def test_nothing_in_a_project_can_pass_for_ours() -> None:
    hostile = TrustSubject(
        directory="/a\x1b[2J\nIt sets: nothing" + "x" * 200,
        files={"\x1b[1m": "aa"},
        claims=[Claim(setting="mcp.servers.\r\n", value="\u202e" * 90, file="a\nb", line=1)],
    )
    earlier = replace(record_of(SUBJECT, NOON), claims=("\x1b[2J",))
    for lines in (trust_question(hostile, None), trust_question(hostile, earlier)):
        assert all(line.isprintable() and columns(line) <= LINE_COLUMNS for line in lines)
        assert not any(line.startswith("It sets: nothing") for line in lines)
