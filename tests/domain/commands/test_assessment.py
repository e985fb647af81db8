from itertools import pairwise

import pytest

from atmos_ai_sidecar.adapters.command_parser import TreeSitterCommandParser
from atmos_ai_sidecar.domain.commands import MAX_NESTING, Assessment, SyntaxTree, assess, assess_argv, strictest
from atmos_ai_sidecar.domain.commands.assessment import MAX_LENGTH
from atmos_ai_sidecar.domain.tools import CommandClass

PARSE = TreeSitterCommandParser().parse


def look_at(text: str) -> Assessment:
    return assess(text, PARSE)


def test_every_command_is_listed_with_its_decoded_words_and_its_wrappers() -> None:
    assessment = look_at("sudo timeout 5 r\\m 'a b' $x && ls")

    assert [(list(command.argv), list(command.wrappers)) for command in assessment.commands] == [
        (["sudo", "timeout", "5", "rm", "a b", None], []),
        (["timeout", "5", "rm", "a b", None], ["sudo"]),
        (["rm", "a b", None], ["sudo", "timeout"]),
        (["ls"], []),
    ]
    assert assessment.command_class is CommandClass.DESTROY


def test_a_command_is_known_by_the_plain_name_of_its_program_and_its_subcommands() -> None:
    command = look_at("/usr/bin/terraform -chdir=x plan $y").commands[0]

    assert command.program == "terraform"
    assert command.subcommands == ("plan",)


def test_a_doubt_says_what_nobody_can_vouch_for() -> None:
    assert look_at("PATH=. ls $x >out").doubts == (
        "the variable PATH, which is set",
        "an expansion, whose value is not known before it runs",
        "a redirect to a file",
    )


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("ls -la", ["ls"]),
        ("terraform -chdir=x plan -lock=false", ["terraform", "plan"]),
        ("terraform state list x", ["terraform", "state", "list"]),
        ("atmos terraform apply vpc -s x", ["atmos", "terraform", "apply"]),
        ("git push", ["git", "push"]),
        ("python3 --version", ["python3", "--version"]),
        ("cp a b", []),
        ("terraform destroy", []),
        ("terraform state rm x", []),
        ("python3 x.py", []),
        ("env", []),
        ("nice", []),
        ("nice ls", []),
        ("ls && ls", []),
        ("ls >x", []),
        ("ls $x", []),
        ("frobnicate", []),
        ("cat .env", []),
        ("atmos-ai chat", []),
    ],
)
def test_a_prefix_to_remember_is_the_smallest_one_and_only_of_what_may_be_remembered(
    text: str, prefix: list[str]
) -> None:
    assert list(look_at(text).simple_prefix) == prefix


@pytest.mark.parametrize(
    "text",
    [
        "atmos-ai chat",
        "atmos ai ask x",
        "atmos --logs-level Debug ai ask x",
        "atmos --unknown x ai ask y",
        "grpcurl localhost:1 list",
        "python -m atmos_ai_sidecar",
        "python3 -Im atmos_ai_sidecar serve",
        "python3 -Imatmos_ai_sidecar",
        "python x/atmos_ai_sidecar/__main__.py",
        "python -c 'import runpy; runpy.run_module(\"atmos_ai_sidecar\")'",
        "echo $(atmos ai ask x)",
        "sudo env A=1 atmos-ai chat",
        "/opt/x/atmos-ai chat",
        "Atmos-AI chat",
    ],
)
def test_the_assistant_is_never_run_by_a_tool(text: str) -> None:
    assert look_at(text).forbidden
    assert not look_at(text).is_harmless


@pytest.mark.parametrize(
    "text",
    ["cat atmos_ai_sidecar/app.py", "grep -n x atmos-ai", "atmos terraform plan ai -s x", "python x.py", "atmos -v"],
)
def test_names_that_look_like_the_assistant_are_not_forbidden(text: str) -> None:
    assert not look_at(text).forbidden


def test_words_that_may_be_paths_are_listed_also_from_changed_folders() -> None:
    paths = look_at("cd a && cat ../b --x=/c -f/d e=f - | tee /etc/g >h <i").paths

    assert {"a", "../b", "a/../b", "/c", "/d", "f", "/etc/g", "h", "i"} <= set(paths)


def test_many_changes_of_the_folder_are_a_doubt() -> None:
    assert look_at("; ".join(["cd a"] * 4)).is_harmless
    assert "more changes of the folder than are followed" in look_at("; ".join(["cd a"] * 5)).doubts


def test_words_without_a_shell_are_taken_as_they_are() -> None:
    assessment = assess_argv(["atmos", "describe", "config", "*", "$(rm x)", "; rm x"], PARSE)

    assert assessment.is_harmless
    assert [command.program for command in assessment.commands] == ["atmos"]


def test_a_shell_among_words_without_a_shell_is_looked_through() -> None:
    assert assess_argv(["bash", "-c", "rm x"], PARSE).command_class is CommandClass.DESTROY


def test_invisible_characters_are_a_doubt_without_a_shell_too() -> None:
    assert assess_argv(["atmos", "version", "\u202e"], PARSE).doubts == ("control or invisible characters",)


@pytest.mark.parametrize("argv", [[], [""]])
def test_no_words_are_nothing_known(argv: list[str]) -> None:
    assert not assess_argv(argv, PARSE).is_harmless


def test_a_text_that_is_too_long_is_not_read() -> None:
    assessment = look_at("ls " + "a" * MAX_LENGTH)

    assert assessment.commands == ()
    assert assessment.command_class is CommandClass.UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        "(" * (MAX_NESTING + 10) + "ls" + ")" * (MAX_NESTING + 10),
        "ls" + " && ls" * 500,
        "sudo " * 500 + "ls",
        "eval " * 500 + "ls",
        "$(" * 3000,
        "`" * 5000,
        "if " * 3000,
        "<<A " * 3000,
    ],
)
def test_deep_nesting_asks_and_breaks_nothing(text: str) -> None:
    assert not look_at(text).is_harmless


def test_shells_in_shells_are_read_to_some_depth_and_then_ask() -> None:
    assert look_at("bash -c \"bash -c 'rm x'\"").command_class is CommandClass.DESTROY
    assert "more text than is looked at" in look_at("eval eval eval eval eval ls").doubts


def test_a_tree_that_is_no_program_is_a_doubt() -> None:
    tree = SyntaxTree(kind="word", text="ls", start=0, end=2)

    assert not assess("ls", lambda _: tree).is_harmless


def test_a_parser_that_skips_text_or_disagrees_with_the_decoder_is_not_trusted() -> None:
    """Trees that say less than the text: the gap hides a command, or a leaf is no word for bash."""
    name = SyntaxTree(kind="command_name", text="ls", start=0, end=2)
    command = SyntaxTree(kind="command", text="ls", start=0, end=2, children=[name])
    skipping = SyntaxTree(kind="program", text="ls;rm x", start=0, end=7, children=[command])
    odd = SyntaxTree(kind="regex", text="x", start=3, end=4)
    disagreeing = SyntaxTree(
        kind="program",
        text="ls x",
        start=0,
        end=4,
        children=[SyntaxTree(kind="command", text="ls x", start=0, end=4, children=[name, odd])],
    )
    broken_redirect = SyntaxTree(
        kind="program",
        text="ls >",
        start=0,
        end=4,
        children=[
            SyntaxTree(
                kind="redirected_statement",
                text="ls >",
                start=0,
                end=4,
                children=[
                    command,
                    SyntaxTree(
                        kind="file_redirect",
                        text=">",
                        start=3,
                        end=4,
                        children=[SyntaxTree(kind=">", text=">", start=3, end=4)],
                    ),
                ],
            )
        ],
    )
    long_comment = SyntaxTree(
        kind="program",
        text="#a\nrm x",
        start=0,
        end=7,
        children=[SyntaxTree(kind="comment", text="#a\nrm x", start=0, end=7)],
    )

    empty = SyntaxTree(
        kind="program", text="", start=0, end=0, children=[SyntaxTree(kind="command", text="", start=0, end=0)]
    )

    for tree in (skipping, disagreeing, broken_redirect, long_comment, empty):
        assert not assess(tree.text, lambda _, tree=tree: tree).is_harmless  # type: ignore[misc]


def test_the_strictest_class_wins() -> None:
    classes = ["read", "plan", "mutate", "secret-read", "code-execution", "unknown", "state", "destroy"]

    for lower, higher in pairwise(classes):
        assert strictest([CommandClass(higher), CommandClass(lower)]) is CommandClass(higher)
    assert strictest([]) is CommandClass.READ
