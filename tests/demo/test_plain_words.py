"""What people really type: slips of the finger, German, and questions that lean on the ones before."""

from pathlib import Path

import pytest

from atmos_ai_sidecar.demo.offline_model.plain_words import plain
from tests.demo.agent import Agent, atmos_tools, file_tools
from tests.demo.replay import copy_project

ROUGH = {
    "atmos_list_stacks": """
        which stcks are there
        wat stacks do we hav
        Zeig mir alle Stacks
        ls stacks
        what stages are there
    """,
    "atmos_list_components": """
        Welche Komponenten gibt es in ue1-prod?
        compnents in dev
        show all componnets please
        what is running in staging?
        what have we deployed to production?
        liste die components auf
    """,
    "atmos_describe_component": """
        show me the databse config in prod
        Wie groß ist die Datenbank in ue1-prod?
        describ the vpc in ue1-prod
        beschreibe database in ue1-prod
        Was ist die CIDR vom VPC in prod?
    """,
    "atmos_describe_dependents": """
        was hängt vom vpc in ue1-prod ab?
        what depnds on the vpc in ue1-prod
        What would be impacted if I change the vpc in prod?
        can i remove the vpc in ue1-prod safely?
        is anything using the database in prod?
        what's connected to the vpc in prod
        what would break without the vpc in prod
    """,
    "atmos_describe_affected": """
        was ist betroffen gegenüber main?
        effected stacks compared to main
        what did i chnage
    """,
    "atmos_validate_stacks": """
        validte the stacks
        sind die stacks gueltig?
        does everything check out?
        are my stack files correct
    """,
    "atmos_terraform_plan": """
        pln the vpc in ue1-prod
        plane die datenbank in ue1-prod
        mach einen plan für vpc in ue1-prod
    """,
    "file_search": """
        wo ist multi_az gesetzt?
        suche nach replicas
        who sets multi_az
        where's the cidr defined
    """,
    "file_read": """
        zeig mir stacks/catalog/vpc.yaml
        lies atmos.yaml
    """,
    "file_edit": """
        setze replicas vom storefront in ue1-prod auf 8
        storefront in prod should have 8 replicas
        scale the storefront in prod to 8
        replicas of the storefront in ue1-prod = 8
        change storefront replicas from 6 to 8 in prod
    """,
}
"""Wordings by the tool that has to be called."""

COMPARED = """
    vergleiche die Datenbank in dev und prod
    comapre storefront in ue1-dev and ue1-prod
    side-by-side storefront dev prod please
    which values of the database are not equal in dev and prod
    Are the vpc settings identical in dev and prod?
"""

FOLLOWED = {
    "describe vpc in ue1-dev|and in prod?|now plan it": ["atmos_terraform_plan vpc ue1-prod"],
    "describe vpc in prod|compare it with dev": [
        "atmos_describe_component vpc ue1-prod",
        "atmos_describe_component vpc ue1-dev",
    ],
    "compare the vpc in dev and prod|and the database?": [
        "atmos_describe_component database ue1-dev",
        "atmos_describe_component database ue1-prod",
    ],
    "plan vpc in prod|thanks|what about dev?": ["atmos_terraform_plan vpc ue1-dev"],
    "plan vpc in prod|do it again": ["atmos_terraform_plan vpc ue1-prod"],
    "plan vpc in prod|validate the stacks": ["atmos_validate_stacks"],
    "describe the vpc in dev|same for staging": ["atmos_describe_component vpc ue1-staging"],
    "beschreibe die datenbank|in ue1-prod|und jetzt planen|und in dev?": ["atmos_terraform_plan database ue1-dev"],
    "open stacks/catalog/vpc.yaml|and for replicas?": [],
    "what is the cidr of the vpc in prod|what time is it?": [],
}
"""Questions of one conversation, and the calls that the last one leads to."""


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tools=atmos_tools() | file_tools(copy_project(tmp_path)))


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


def calls(agent: Agent) -> list[str]:
    return [
        " ".join((tool, *(str(value) for value in wanted.values()))) for step in agent.calls for tool, wanted in step
    ]


@pytest.mark.parametrize("tool", ROUGH)
def test_what_is_typed_in_a_hurry_or_in_german_leads_to_the_same_tool(tool: str, tmp_path: Path) -> None:
    for number, question in enumerate(lines(ROUGH[tool])):
        agent = Agent(tools=atmos_tools() | file_tools(copy_project(tmp_path / str(number))))
        agent.ask(question)
        assert calls(agent)[-1:], question
        assert calls(agent)[-1].split()[0] == tool, question


def test_a_comparison_is_understood_in_rough_words(agent: Agent) -> None:
    for question in lines(COMPARED):
        assert "differs between" in agent.ask(question), question
        assert len(agent.calls[-1]) > 1, question


@pytest.mark.parametrize("conversation", FOLLOWED)
def test_a_question_leans_on_the_ones_before(conversation: str, agent: Agent) -> None:
    for question in conversation.split("|"):
        agent.ask(question)
    if conversation.endswith("time is it?"):
        assert not [call for call in calls(agent) if "describe" not in call]
    else:
        assert calls(agent) == FOLLOWED[conversation]


def test_an_edit_is_changed_again_after_it_was_undone(agent: Agent) -> None:
    agent.ask("set replicas of the storefront in ue1-prod to 8")
    agent.ask("undo that")
    assert "+        replicas: 10" in agent.ask("make it 10 instead")


@pytest.mark.parametrize("question", ["mach das rückgängig", "rueckgaengig", "go back to how it was before"])
def test_undoing_is_left_to_the_command_in_rough_words(question: str, agent: Agent) -> None:
    assert "Type `/undo`" in agent.ask(question)


@pytest.mark.parametrize("question", ["schreib mir einen Bericht über das Projekt", "a write-up of the project"])
def test_a_report_is_written_for_rough_words(question: str, agent: Agent) -> None:
    assert len(agent.ask(question)) > 2500


@pytest.mark.parametrize(
    "question",
    [
        "Set `stcks` to 'databse' in stacks/catalog/vpc.yaml",
        "set team of the vpc in ue1-prod to databse",
        "read stcks/pln.yaml",
        "what was the last change of the file?",
        "list the stack, its states, versions and a replica",
        "The plant and the chance of a stick.",
    ],
)
def test_quotes_paths_values_and_words_of_their_own_are_left_alone(question: str) -> None:
    assert plain(question) == question
