import subprocess
import sys
from datetime import timedelta

import pytest

from atmos_ai_sidecar.application.workspace import WorkspaceDescription
from atmos_ai_sidecar.domain.messages import ToolCall
from atmos_ai_sidecar.domain.questions import columns
from atmos_ai_sidecar.domain.sessions import Session, SessionId
from atmos_ai_sidecar.domain.tools import Result, ToolRegistry
from atmos_ai_sidecar.terminal.chat.approval_panel import ApprovalPanel, Choice, PanelQuestion
from atmos_ai_sidecar.terminal.chat.live_turn import Note
from atmos_ai_sidecar.terminal.chat.painter import Painter
from atmos_ai_sidecar.terminal.chat.transcript import ToolRan, UserSaid, header
from atmos_ai_sidecar.terminal.render.cards import call_title, card, cut, duration, folded
from atmos_ai_sidecar.terminal.render.outputs import below_card, expanded, language_of
from atmos_ai_sidecar.terminal.render.palette import Palette, visible, wants_color
from atmos_ai_sidecar.terminal.render.question_rows import question_rows
from atmos_ai_sidecar.terminal.render.tables import age, table
from tests.fakes.clock import START, FakeClock
from tests.terminal.office import DESCRIBE

PLAIN, COLORED = Palette(enabled=False), Palette(enabled=True)


class TestCards:
    @pytest.mark.parametrize(
        ("result", "line"),
        [
            (Result(success=True, duration_seconds=0.264), "✓ title · 0.26 s"),
            (
                Result(success=False, error="boom", exit_code=1, duration_seconds=12.4),
                "✗ title · 12 s · failed (exit 1): boom",
            ),
            (Result(success=False, output="first\nsecond"), "✗ title · 0.00 s · failed: first"),
            (
                Result(success=False, error="x was denied: it is blocked.", reason="TOOL_EXECUTION_DENIED"),
                "⊘ title · denied: it is blocked.",
            ),
            (Result(success=False, error="nobody", reason="UNATTENDED"), "⊘ title · denied: nobody"),
        ],
    )
    def test_a_card_says_how_a_call_ended(self, result: Result, line: str) -> None:
        assert card("title", result, PLAIN, width=80) == line

    def test_a_card_is_coloured_by_how_the_call_ended(self) -> None:
        assert card("t", Result(success=True), COLORED, width=80).startswith("\x1b[32m✓\x1b[0m t")

    @pytest.mark.parametrize("width", [1, 5, 20, 33])
    def test_a_card_fits_the_screen(self, width: int) -> None:
        result = Result(success=False, error="a long story " * 9)
        assert columns(card("a long title 日本語 " * 5, result, PLAIN, width=width)) <= max(width, 4)

    def test_a_call_of_a_tool_that_is_gone_has_a_title_too(self) -> None:
        registry = ToolRegistry((DESCRIBE,))
        call = ToolCall(id="1", name="gone", input={"a": "\x1b"})
        assert call_title(registry, call) == 'gone {"a": "\\u001b"}'

    @pytest.mark.parametrize(
        ("seconds", "words"), [(0.0, "0.00 s"), (9.99, "9.99 s"), (59, "59 s"), (125, "2 min 5 s")]
    )
    def test_durations_are_short(self, seconds: float, words: str) -> None:
        assert duration(seconds) == words


class TestOutputs:
    def below(self, result: Result, language: str = "") -> list[str]:
        return below_card(result, language, PLAIN, lambda text, language: text.split("\n"))

    def test_a_plan_is_counted_and_its_resources_stand_by_action(self) -> None:
        resources = [
            {"address": "aws_a.gone", "action": "delete"},
            {"address": "aws_b.new", "action": "create"},
            {"address": "aws_c.other", "action": "update"},
            {"address": "aws_d.again", "action": "replace"},
        ]
        data = {"add": 2, "change": 1, "destroy": 2, "resources": resources, "changed_outputs": ["url"]}
        assert self.below(Result(success=True, output="long", data=data)) == [
            "+2 ~1 -2 (ctrl-o to expand)",
            "+ aws_b.new",
            "~ aws_c.other",
            "± aws_d.again",
            "- aws_a.gone",
            "outputs: url",
        ]

    def test_a_big_plan_shows_its_first_resources(self) -> None:
        resources = [{"address": f"a.b[{number}]", "action": "create"} for number in range(20)]
        lines = self.below(Result(success=True, data={"add": 20, "change": 0, "destroy": 0, "resources": resources}))
        assert (len(lines), lines[-1]) == (10, "… 12 more resources")

    def test_short_outputs_are_whole_and_long_ones_begin(self) -> None:
        assert self.below(Result(success=True, output="a\nb\nc\n")) == ["a", "b", "c"]
        long = Result(success=True, output="\n".join("abcde"))
        assert self.below(long) == ["a", "b", "… +3 lines (ctrl-o to expand)"]
        assert self.below(long, "json") == ["5 lines of JSON (ctrl-o to expand)"]
        assert self.below(Result(success=True, output=" \n")) == []

    def test_a_difference_is_shown_whole_when_it_is_short(self) -> None:
        diff = "Changed a.yaml.\n@@ -1,2 +1,2 @@\n a\n-b\n+c"
        result = Result(success=True, output=diff)
        assert language_of({"path": "a.yaml"}, result) == "diff"
        assert self.below(result, "diff") == diff.split("\n")

    def test_a_failure_shows_its_words_and_a_denial_none(self) -> None:
        failed = Result(success=False, error="first", output="first\nsecond\x1b")
        assert self.below(Result(success=False, output="first\nsecond\x1b")) == ["second\\x1b"]
        assert self.below(failed) == ["second\\x1b"]
        assert self.below(Result(success=False, output="x\n" * 20))[-1].startswith("… +")
        assert self.below(Result(success=False, output="a\nb", reason="UNATTENDED")) == []

    def test_a_cause_that_the_card_cuts_is_told_below_it(self) -> None:
        result = Result(success=False, error="no such stack; " * 6 + "run `atmos list stacks`")
        text = Painter(PLAIN, width=60).text([ToolRan(title="t", result=result)])
        assert "run `atmos list stacks`" in " ".join(text.split())

    @pytest.mark.parametrize(
        ("values", "result", "language"),
        [
            ({}, Result(success=True, output=' {"a": 1}\n'), "json"),
            ({"path": "a/b.tf"}, Result(success=True, output="x = 1"), "hcl"),
            ({"path": "p.rego"}, Result(success=True, output="package p"), "rego"),
            ({}, Result(success=True, output="- Stack: a", data=[1]), "yaml"),
            ({}, Result(success=True, output="words"), ""),
            ({"path": 7}, Result(success=False, output="words"), ""),
        ],
    )
    def test_the_language_of_an_output_is_seen_or_named(
        self, values: dict[str, object], result: Result, language: str
    ) -> None:
        assert language_of(values, result) == language

    def test_a_very_long_output_keeps_its_beginning_and_its_end(self) -> None:
        output = "\n".join(str(number) for number in range(1000))
        lines = expanded(Result(success=True, output=output), "", lambda text, language: [])
        assert (len(lines), lines[0], lines[200], lines[-1]) == (401, "0", "… 600 lines are not shown here …", "999")

    @pytest.mark.parametrize("language", ["hcl", "yaml", "json", "rego", "bash"])
    def test_code_is_coloured_and_fits(self, language: str) -> None:
        from atmos_ai_sidecar.terminal.render.typesetter import Typesetter

        lines = Typesetter(columns=30, has_colors=True).code('a = "b" # c\nif: true ' + "x" * 40, language, indent=2)
        assert any("\x1b[" in line for line in lines)
        plain = Typesetter(columns=30, has_colors=False).code("x" * 60, language, indent=2)
        assert max(map(len, plain)) <= 28


class TestLines:
    def test_a_line_is_folded_at_words_and_only_its_start_stands_in_the_first_column(self) -> None:
        assert folded("Call  plan the database", 13) == ["Call  plan", "> the", "> database"]
        assert folded("x" * 25, 10) == ["x" * 10, "> " + "x" * 8, "> " + "x" * 7]
        assert folded("日本語日本語", 8, then="") == ["日本語日", "本語"]

    def test_a_row_never_has_an_indentation_alone(self) -> None:
        assert folded("| -          cidr_block: x", 16, then=" > ") == ["| -          cid", " > r_block: x"]

    @pytest.mark.parametrize(
        ("columns", "rows"),
        [
            (20, ["Call: plan the", " > database", " | - a: 1"]),
            (78, ["Call       plan the database", "           | - a: 1"]),
        ],
    )
    def test_a_question_fits_and_nothing_of_a_value_is_in_the_first_column(self, columns: int, rows: list[str]) -> None:
        assert question_rows(["Call       plan the database", "           | - a: 1"], columns) == rows

    def test_a_line_is_cut_with_a_mark(self) -> None:
        assert cut("abcdef", 4) == "abc…"
        assert cut("日本語", 4) == "日…"
        assert cut("abc", 0) == ""
        assert cut("é" * 1_000_000, 4) == "ééé…"  # minutes, where every width that might fit was measured anew

    def test_what_a_terminal_would_obey_is_spelled_out(self) -> None:
        assert visible("a\x1b[1m\r\n\tb\rc\x7f\u200b\u2066") == "a\\x1b[1m\n\tb\\x0dc\\x7f<U+200B><U+2066>"

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("👨\u200d👩 می\u200cمی", "👨\u200d👩 می\u200cمی"),
            ("ad\u200dmin", "ad<U+200D>min"),
            ("é\u200dx", "é<U+200D>x"),
            ("é\u200d\u200dé", "é<U+200D><U+200D>é"),
            ("\u200d", "<U+200D>"),
        ],
    )
    def test_joiners_stay_where_they_join(self, text: str, shown: str) -> None:
        assert visible(text) == visible(visible(text)) == shown

    def test_a_note_of_whoever_cannot_draw(self) -> None:
        text = Painter(PLAIN, width=40).text([Note(text="settled by \x1b]0;me\x07")])
        assert text == "settled by \\x1b]0;me\\x07\n"

    def test_a_table_is_as_wide_as_its_cells(self) -> None:
        assert table(("A", "B"), [("日本", "1"), ("x", "22")], PLAIN) == ["A     B", "日本  1", "x     22"]

    @pytest.mark.parametrize(
        ("seconds", "words"),
        [
            (0, "just now"),
            (60, "1 minute ago"),
            (7200, "2 hours ago"),
            (86_400, "1 day ago"),
            (7e7, "2 years ago"),
        ],
    )
    def test_ages_are_in_words(self, seconds: float, words: str) -> None:
        assert age(START + timedelta(seconds=seconds), START) == words

    @pytest.mark.parametrize(
        ("environment", "options", "expected"),
        [
            ({"TERM": "xterm"}, {"is_terminal": True}, True),
            ({"TERM": "xterm"}, {"is_terminal": False}, False),
            ({"TERM": "dumb"}, {"is_terminal": True}, False),
            ({}, {"is_terminal": True}, False),
            ({"TERM": "xterm", "NO_COLOR": "1"}, {"is_terminal": True, "force_color": True}, False),
            ({}, {"is_terminal": False, "force_color": True}, True),
            ({"TERM": "xterm"}, {"is_terminal": True, "no_color": True}, False),
        ],
    )
    def test_colours_are_for_terminals_that_want_them(
        self, environment: dict[str, str], options: dict[str, bool], expected: bool
    ) -> None:
        assert wants_color(environment, **options) is expected


class TestPainter:
    def test_words_of_ours_and_of_the_user_are_set_before_rich_is_there(self) -> None:
        program = """
import sys
from atmos_ai_sidecar.terminal.chat.live_turn import Note
from atmos_ai_sidecar.terminal.chat.painter import Painter
from atmos_ai_sidecar.terminal.chat.transcript import AssistantSaid, UserSaid
from atmos_ai_sidecar.terminal.render.palette import Palette

slow = {"rich", "markdown_it", "pygments"}
painter = Painter(Palette(enabled=False), width=40)
print(painter.header(["Atmos AI"]) + painter.text([UserSaid(text="hello"), Note(text="a note")]))
print(sorted(slow & set(sys.modules)))
painter.prepare()
print(sorted(slow & set(sys.modules)))
print(painter.text([AssistantSaid(markdown="*hi*")]))
"""
        done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
        lines = [line for line in done.stdout.splitlines() if line]
        loaded = "['markdown_it', 'pygments', 'rich']"
        assert lines == ["Atmos AI", "> hello", "a note", "[]", loaded, "hi"]

    def test_a_blank_line_stands_between_pieces_but_not_between_cards(self) -> None:
        ran = ToolRan(title="t", result=Result(success=True))
        text = Painter(PLAIN, width=40).text([UserSaid(text="a\nb"), ran, ran, Note(text="n"), Note(text="m")])
        assert text == "> a\n  b\n\n✓ t · 0.00 s\n✓ t · 0.00 s\n\nn\nm\n"

    def test_nothing_is_wider_than_the_screen(self) -> None:
        painter = Painter(COLORED, width=12)
        text = painter.header([COLORED.bold("a header that is long")]) + painter.text(
            [UserSaid(text="words " * 9), Note(text="x" * 40, tone="error")]
        )
        for line in text.replace("\x1b[", "\0").split("\n"):
            shown = "".join(part.split("m", 1)[-1] if number else part for number, part in enumerate(line.split("\0")))
            assert columns(shown) <= 12

    def test_the_header_warns(self) -> None:
        session = Session(
            id=SessionId("1"),
            name="s",
            project_path="/p",
            model="m",
            provider="p",
            create_time=START,
            update_time=START,
            message_count=1,
        )
        description = WorkspaceDescription(
            project_path="/p",
            model="m",
            provider="p",
            endpoint="http://e",
            permission_mode="yolo",
            is_ephemeral=True,
            warnings=("careful",),
        )
        lines = header(description, session, PLAIN, version="1", is_new=False, model="m")
        assert lines[1] == "session s (resumed, 1 message) · m · permissions: YOLO: nothing asks"
        assert "nothing of this is stored" in lines[3]
        assert lines[4] == "careful"

    @pytest.mark.parametrize(
        ("home", "shown"), [("/home/me", "~/fleet"), ("/home/m", "/home/me/fleet"), ("", "/home/me/fleet")]
    )
    def test_the_header_writes_the_project_from_home_on(self, home: str, shown: str) -> None:
        session = Session(
            id=SessionId("1"),
            name="s",
            project_path="/p",
            model="m",
            provider="p",
            create_time=START,
            update_time=START,
        )
        description = WorkspaceDescription(
            project_path="/home/me/fleet",
            model="m",
            provider="p",
            endpoint="",
            permission_mode="prompt",
            is_ephemeral=False,
        )
        lines = header(description, session, PLAIN, version="1", is_new=True, model="m", home=home)
        assert lines[0].endswith(f" · {shown}")

    def test_the_header_says_when_no_model_can_be_asked(self) -> None:
        session = Session(
            id=SessionId("1"),
            name="s",
            project_path="/p",
            model="m",
            provider="p",
            create_time=START,
            update_time=START,
        )
        description = WorkspaceDescription(
            project_path="/p", model="m", provider="p", endpoint="", permission_mode="prompt", is_ephemeral=False
        )
        lines = header(description, session, PLAIN, version="1", is_new=True, model="m")
        assert lines[2] == "No model can be asked yet; the first message says what is missing."


class TestPanel:
    def panel(self) -> tuple[ApprovalPanel, FakeClock, list[tuple[str, str]]]:
        clock, answers = FakeClock(), list[tuple[str, str]]()
        panel = ApprovalPanel(clock, on_change=lambda: None, show_whole=lambda question: None)
        choices = (
            Choice(id="yes", key="y", label="Yes"),
            Choice(id="always", key="a", label="Always", preview="always allow this very long rule " * 3),
            Choice(id="no", key="n", label="No", takes_reason=True),
        )
        panel.ask(
            PanelQuestion(
                id="q",
                title="May it?",
                lines=[f"line {number}" for number in range(20)],
                choices=choices,
                answer=lambda choice, reason: answers.append((choice.id, reason)),
            )
        )
        return panel, clock, answers

    def test_a_key_in_the_first_300_milliseconds_starts_them_again(self) -> None:
        panel, clock, answers = self.panel()
        for _ in range(3):
            clock.advance(0.29)
            assert not panel.press("y", is_alone=True)
        clock.advance(0.31)
        assert panel.press("Y", is_alone=True)
        assert answers == [("yes", "")]
        assert panel.was_just_answered

    def test_keys_that_come_together_are_a_paste(self) -> None:
        panel, clock, answers = self.panel()
        clock.advance(1)
        assert not panel.press("y", is_alone=False)
        assert answers == []

    def test_a_refusal_can_be_taken_back(self) -> None:
        panel, clock, answers = self.panel()
        clock.advance(1)
        panel.press("n", is_alone=True)
        assert panel.is_reasoning
        panel.take_back()
        assert panel.is_asking
        clock.advance(1)
        panel.press("n", is_alone=True)
        panel.reason.text = " why "
        panel.give_reason()
        assert answers == [("no", "why")]

    def test_a_key_that_means_nothing_answers_nothing(self) -> None:
        panel, clock, answers = self.panel()
        clock.advance(1)
        assert panel.press("x", is_alone=True)
        assert panel.press("7", is_alone=True)
        assert (answers, panel.count) == ([], 1)

    @pytest.mark.parametrize(("width", "limit"), [(80, 30), (80, 10), (20, 6), (5, 3)])
    def test_the_keys_are_shown_however_small_the_screen(self, width: int, limit: int) -> None:
        panel, _, _ = self.panel()
        rows = ["".join(text for _, text in row) for row in panel.rows(width, limit)]
        assert all(columns(row) <= width for row in rows)
        assert [row[1] for row in rows if row[:3] in {" y ", " a ", " n "}] == ["y", "a", "n"]
        assert len(rows) <= max(limit, 3)


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("atmos_ai_sidecar.terminal.main", "prompt_toolkit rich markdown_it pygments"),
        ("atmos_ai_sidecar.terminal.chat.chat_ui", "rich markdown_it pygments"),
    ],
)
def test_nothing_slow_is_imported_before_it_is_needed(module: str, unwanted: str) -> None:
    program = f"import sys, {module}; print(*({{*{unwanted.split()!r}}} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == ""
