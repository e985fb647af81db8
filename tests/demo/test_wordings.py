"""The offline model understands what people type, in many wordings; a row says what the question is about."""

from pathlib import Path

import pytest

from tests.demo.agent import Agent, atmos_tools, file_tools
from tests.demo.replay import copy_project

WORDINGS = {
    "atmos_list_stacks": """
        What stacks exist?
        Show me every stack
        give me all the stacks
        Which environments are configured?
        list my stacks
        I'd like to see the stacks
        stack list
        enumerate the stacks
        what can I deploy to?
        How many environments are there?
        list them all: the stacks
        Name all stacks.
        do we have any stacks?
        which stacks does this repo define
        which stack do we has?
        what stack exists
    """,
    "atmos_list_components": """
        list all components
        Which components exist?
        show the components of ue1-prod
        What components does ue1-dev have?
        What runs in production?
        what is deployed in ue1-prod?
        Name the components.
        components in staging
        what's in ue1-prod
        enumerate components
        Which components can I plan?
        which component is in prod
        what component exist in staging?
        list everything which is in staging environment
    """,
    "atmos_describe_component": """
        Describe the vpc in ue1-prod
        Tell me about the database in production
        explain the storefront in ue1-dev
        what are the settings of the database in prod
        show me the vpc of ue1-dev
        details of storefront in ue1-prod
        How is the database in ue1-prod configured?
        What does the vpc in ue1-prod look like?
        vpc in ue1-prod
        info on the db in ue1-dev
        What version of postgres runs in prod?
        Which image is the storefront using in staging?
        Inspect the database in ue1-dev
    """,
    "atmos_describe_dependents": """
        What depends on the vpc in ue1-prod?
        Who depends on vpc in prod?
        list dependents of the database in ue1-prod
        which components rely on the vpc in ue1-dev
        What needs the vpc in ue1-prod?
        what uses the database in ue1-prod?
        what would break if I remove the vpc in ue1-prod
        impact of changing the vpc in ue1-prod
        Show the dependents of vpc in ue1-prod
        What is downstream of the vpc in ue1-prod?
        Which components need the vpc in ue1-prod?
        dependency graph of the vpc in ue1-prod
    """,
    "atmos_describe_affected": """
        What is affected?
        What's affected by my changes?
        which components are affected compared to main
        show affected stacks
        what did I change?
        What changed on this branch?
        describe affected against main
        What does my pull request touch?
        Which stacks does this PR affect?
        what has changed since main?
        Which components did I change compared to main?
        list what is affected since main
    """,
    "atmos_validate_stacks": """
        validate
        Validate all stacks
        Is my configuration valid?
        check all stacks
        are there any errors in the stacks?
        check the stacks for mistakes
        run validation
        Can you validate the stack files please?
        Is anything broken?
        lint the stacks
        does everything validate?
        verify the configuration
        Check my stacks for errors
        Does the project pass validation?
        Are my stacks ok?
    """,
    "atmos_terraform_plan": """
        plan vpc in ue1-dev
        terraform plan for the vpc in ue1-dev
        Run terraform plan on vpc in ue1-dev
        Make a plan for the vpc in ue1-dev
        what would happen if I applied the vpc in ue1-dev
        Show me the plan of vpc in ue1-dev
        preview the changes to vpc in ue1-dev
        Please plan vpc in dev
        create a plan for vpc ue1-dev
        can you plan the vpc in dev for me?
        atmos terraform plan vpc -s ue1-dev
        dry run vpc ue1-dev
        What will terraform do to the vpc in ue1-dev?
    """,
    "file_read": """
        Read stacks/catalog/vpc.yaml
        open atmos.yaml
        show me the file stacks/deploy/ue1-prod.yaml
        print stacks/catalog/database.yaml
        What does atmos.yaml say?
        let me see components/terraform/vpc/main.tf
        display ATMOS.md
        view stacks/catalog/vpc.yaml
        content of stacks/catalog/vpc.yaml
        What's inside stacks/catalog/vpc.yaml?
        dump stacks/catalog/vpc.yaml
        Show me the contents of atmos.yaml
        explain stacks/catalog/vpc.yaml
        summarize atmos.yaml
    """,
    "file_search": """
        search for cidr_block
        grep multi_az
        find replicas in the files
        where is cidr_block defined?
        Which files set replicas?
        look for engine_version
        find all occurrences of deletion_protection
        Where do we use the term platform?
        which file contains nat_gateway_enabled
        Search the project for "team"
        locate instance_class
        where does multi_az come from?
        In which file is replicas set?
        what file defines the database?
    """,
}
"""What one call of a tool answers, by the tool."""

COMPARISONS = """
    Compare vpc between ue1-dev and ue1-prod
    How is the database in dev different from prod?
    What are the differences between the storefront in ue1-dev and ue1-prod?
    contrast the vpc in dev and prod
    diff the database between dev and prod
    database: dev vs prod
    Show me how storefront differs across stacks
    What changes for the vpc from dev to prod?
    compare component database in stacks ue1-dev, ue1-prod
    Is the vpc in prod the same as in dev?
    Put the storefront in dev and prod side by side
    Is there any drift between dev and prod for the database?
    Compare the storefront everywhere
"""

EDITS = """
    Set replicas of the storefront in ue1-prod to 4
    change storefront replicas in ue1-prod to 4
    In ue1-prod, set the replicas of the storefront to 4
    Scale storefront in ue1-prod to 4 replicas
    scale the storefront in ue1-prod up to 4
    Make the storefront in ue1-prod run 4 replicas
    give the storefront in ue1-prod 4 replicas
    increase replicas of storefront in prod to 9
    I want 4 replicas of the storefront in ue1-prod
    bump the storefront replicas to 9 in ue1-prod
    update cidr_block of vpc in ue1-dev to 10.99.0.0/16
    replicas of storefront in ue1-prod should be 4
    turn off multi_az for the database in ue1-prod
    edit replicas: 4 for the storefront in ue1-prod
    Could you reduce the replicas of the storefront in prod to 2?
    set storefront replicas = 4 in ue1-prod
    Use 4 replicas for the storefront in ue1-prod
"""

UNDOING = """
    undo
    Undo that change
    revert the last edit
    take it back
    roll that back
    please undo it
    restore the file
    Undo what you did
    put it back
"""

REPORTS = """
    Write a report about the project
    Give me an overview of the project
    Tell me everything about this project
    write a long summary of the fleet
    document the project
    full report please
    Explain this repository
    What is this project about?
    summarise the project
    Describe the whole project
    Give me a long answer in Markdown
    Describe everything
    Write documentation for this project
    What does this project contain?
"""

HARMLESS = """
    What happens when I change the replicas of the storefront in ue1-prod?
    What should replicas of the storefront in ue1-prod be?
    Does the storefront in ue1-prod have 4 replicas?
    How do I set replicas of the storefront in ue1-prod?
    Which value must be set for replicas of the storefront in ue1-prod?
"""
"""Questions about changing that ask for no change."""


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tools=atmos_tools() | file_tools(copy_project(tmp_path)))


def called(agent: Agent) -> list[str]:
    return [tool for step in agent.calls for tool, _ in step]


@pytest.mark.parametrize(
    ("tool", "question"), [(tool, question) for tool, text in WORDINGS.items() for question in lines(text)]
)
def test_one_call_answers_the_question(tool: str, question: str, agent: Agent) -> None:
    answer = agent.ask(question)
    assert called(agent) == [tool]
    assert not answer.startswith("I could not")


@pytest.mark.parametrize("question", lines(COMPARISONS))
def test_a_comparison_describes_the_stacks_in_parallel(question: str, agent: Agent) -> None:
    answer = agent.ask(question)
    assert [tool for tool, _ in agent.calls[-1]] == ["atmos_describe_component"] * len(agent.calls[-1])
    assert len(agent.calls[-1]) > 1
    assert "differs between" in answer


@pytest.mark.parametrize("question", lines(EDITS))
def test_an_edit_is_found_read_and_made(question: str, agent: Agent) -> None:
    answer = agent.ask(question)
    assert called(agent) == ["file_search", "file_read", "file_edit"]
    assert "```diff" in answer


@pytest.mark.parametrize("question", lines(UNDOING))
def test_undoing_is_left_to_the_command(question: str, agent: Agent) -> None:
    assert "Type `/undo`" in agent.ask(question)


@pytest.mark.parametrize("question", lines(REPORTS))
def test_a_report_is_long(question: str, agent: Agent) -> None:
    assert len(agent.ask(question)) > 2500


@pytest.mark.parametrize("question", lines(HARMLESS))
def test_a_question_about_a_change_changes_nothing(question: str, agent: Agent) -> None:
    agent.ask(question)
    assert not {"file_edit", "file_write"} & set(called(agent))
