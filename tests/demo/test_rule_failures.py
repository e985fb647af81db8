from pathlib import Path

import pytest

from atmos_ai_sidecar.demo.offline_model import rules
from tests.demo.agent import Agent, ToolFailedError, atmos_tools, file_tools
from tests.demo.replay import copy_project


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tools=atmos_tools() | file_tools(copy_project(tmp_path)))


QUESTIONS = {
    "atmos_list_stacks": "Which stacks are there?",
    "atmos_list_components": "Which components are in ue1-prod?",
    "atmos_describe_component": "What is the CIDR of the vpc in ue1-prod?",
    "atmos_describe_dependents": "What depends on the vpc in ue1-prod?",
    "atmos_describe_affected": "What is affected compared to main?",
    "atmos_validate_stacks": "Validate the stacks against the OPA policies.",
    "atmos_terraform_plan": "Plan the database in ue1-prod.",
    "execute_atmos_command": "run `atmos version`",
    "execute_bash_command": "run `ls`",
    "file_read": "Show stacks/catalog/vpc.yaml",
    "file_search": "Where is multi_az set?",
    "file_list": "Which files are there?",
}


@pytest.mark.parametrize(("tool", "question"), QUESTIONS.items())
def test_what_a_failing_tool_says_is_repeated_and_nothing_is_tried_again(tool: str, question: str) -> None:
    def fail(**_input: object) -> str:
        raise ToolFailedError("the cat sat on the cable")

    agent = Agent(tools={tool: fail})
    answer = agent.ask(question)
    assert len(agent.calls) == 1
    assert answer.startswith("I could not")
    assert "the cat sat on the cable" in answer


@pytest.mark.parametrize(("tool", "question"), QUESTIONS.items())
def test_an_output_that_makes_no_sense_gives_an_answer_all_the_same(tool: str, question: str) -> None:
    for output in ("", "[]", "null", "\n\n???", '{"stdout": ""}'):
        assert Agent(tools={tool: lambda output=output, **_input: output}).ask(question)


@pytest.mark.parametrize("failing", ["atmos_list_stacks", "atmos_describe_component"])
@pytest.mark.parametrize("question", ["Compare the vpc in all stacks", "Write a report"])
def test_one_failure_among_parallel_calls_does_not_lose_the_answer(failing: str, question: str) -> None:
    def fail(**_input: object) -> str:
        raise ToolFailedError("the cat sat on the cable")

    agent = Agent(tools=atmos_tools() | {failing: fail})
    answer = agent.ask(question)
    is_partial = question == "Write a report" and failing == "atmos_describe_component"
    assert ("the cat sat on the cable" in answer) is not is_partial
    assert ("# The project" in answer) is is_partial


@pytest.mark.parametrize("failing", ["file_search", "file_read", "file_edit"])
def test_an_edit_stops_where_a_tool_fails(failing: str, agent: Agent) -> None:
    def fail(**_input: object) -> str:
        raise ToolFailedError("Denied by the user")

    agent.tools = {**agent.tools, failing: fail}
    answer = agent.ask("Set replicas of the storefront in ue1-prod to 8.")
    assert agent.calls[-1][0][0] == failing
    assert "Nothing was changed." in answer


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Set replicas of the storefront in ue1-prod to 6.", "already says `replicas: 6`"),
        ("Set replicas of the storefront to 6.", "In which stack should I change `replicas`?"),
        ("Set replicas to 3 in stacks/deploy/ue1-dev.yaml", "does not set `replicas` of **storefront**"),
        ("In ATMOS.md replace `Fleet` with `Fleets`", "+Fleets"),
        ("In ATMOS.md replace `cats` with `dogs`", "does not set `cats`"),
        ("Change it", "what to change to what"),
        ("Search", "What should I look for?"),
        ("Run", "Which command should I run?"),
        ("run `echo 'half`", "ran echo 'half"),
        ("Compare", "Which component should I compare?"),
        ("Is the image of the storefront the same in ue1-dev and ue1-staging?", "differs between"),
    ],
)
def test_what_cannot_be_done_as_asked_is_said(question: str, said: str, agent: Agent) -> None:
    assert said in agent.ask(question)


def test_a_plan_without_changes_and_one_that_destroys_are_told_apart() -> None:
    plans = {"none": "No changes. Your infrastructure matches.", "bad": "Plan: 0 to add, 1 to change, 2 to destroy."}
    answers = [
        Agent(tools={"atmos_terraform_plan": lambda text=text, **_input: text}).ask("Plan the vpc in ue1-dev")
        for text in plans.values()
    ]
    assert answers[0] == "The plan for **vpc** in **ue1-dev** has **no changes**."
    assert "0 to add, 1 to change, 2 to destroy" in answers[1]
    assert "Look twice" in answers[1]


def test_a_question_beside_the_results_of_a_cancelled_turn_is_the_new_question(agent: Agent) -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "atmos_list_components", "input": {}}
    cancelled = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "cancelled", "is_error": True}
    agent.messages = [
        {"role": "user", "content": "Which components are there?"},
        {"role": "assistant", "content": [call]},
    ]
    assert "3 stacks" in agent.ask("Which stacks are there?", [cancelled])


def test_without_permission_to_call_tools_none_is_called() -> None:
    tools = [{"name": "atmos_list_stacks", "input_schema": {"type": "object"}}]
    messages = [{"role": "user", "content": "Which stacks are there?"}]
    reply = rules.answer({"messages": messages, "tools": tools, "tool_choice": {"type": "none"}})
    assert reply.stops_for == "end_turn"
