import json
from pathlib import Path

import pytest

from tests.demo.agent import Agent, Tool, ToolFailedError, atmos_tools, file_tools
from tests.demo.replay import copy_project


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tools=atmos_tools() | file_tools(copy_project(tmp_path)))


def first_call(agent: Agent, question: str) -> tuple[str, dict[str, object]]:
    agent.ask(question)
    assert agent.calls, agent.messages[-1]
    return agent.calls[0][0]


@pytest.mark.parametrize(
    "question",
    [
        "Which stacks are there?",
        "which stacks exist",
        "List the stacks",
        "list all stacks please",
        "Show me the stacks.",
        "What stacks do we have?",
        "How many stacks are there?",
        "stacks?",
        "What environments do I have?",
        "Can you tell me which stacks this project has?",
    ],
)
def test_stacks_are_listed_in_many_wordings(question: str, agent: Agent) -> None:
    answer = agent.ask(question)
    assert agent.calls == [[("atmos_list_stacks", {})]]
    assert answer == "There are 3 stacks: **ue1-dev**, **ue1-prod** and **ue1-staging**."


@pytest.mark.parametrize(
    "question",
    [
        "What is the CIDR of the VPC in ue1-prod?",
        "what's the cidr block of vpc in ue1-prod",
        "Which CIDR does the vpc have in production?",
        "In ue1-prod, what CIDR does the VPC use?",
        "What is the CIDR in prod?",
        "Tell me the vpc cidr for ue1-prod",
        "show cidr_block of the vpc, stack ue1-prod",
    ],
)
def test_one_value_is_looked_up_in_many_wordings(question: str, agent: Agent) -> None:
    answer = agent.ask(question)
    assert agent.calls == [[("atmos_describe_component", {"component": "vpc", "stack": "ue1-prod"})]]
    assert answer == "`cidr_block` of **vpc** in **ue1-prod** is **10.20.0.0/16**."


@pytest.mark.parametrize(
    ("question", "fact"),
    [
        (
            "Which instance class does the database use in ue1-prod?",
            "`instance_class` of **database** in **ue1-prod** is **db.r7g.xlarge**",
        ),
        ("Is the database in ue1-dev multi-AZ?", "`multi_az` of **database** in **ue1-dev** is **false**"),
        ("How many replicas has the storefront in prod?", "`replicas` of **storefront** in **ue1-prod** is **6**"),
        ("Is NAT enabled for the vpc in ue1-prod?", "`nat_gateway_enabled` of **vpc** in **ue1-prod** is **true**"),
        ("how much memory does the storefront get in ue1-dev?", "is **512**"),
        ("What are the availability zones of the vpc in staging?", "is **us-east-1a, us-east-1b**"),
        ("what image does the storefront run in ue1-dev", "registry.example.com/storefront:1.8.0"),
    ],
)
def test_the_value_that_is_meant_comes_from_the_description(question: str, fact: str, agent: Agent) -> None:
    assert fact in agent.ask(question)


def test_a_description_without_a_value_in_the_question_is_a_table(agent: Agent) -> None:
    answer = agent.ask("Describe the database in ue1-dev.")
    assert "| `engine_version` | 16.4 |" in answer
    assert "It imports `catalog/database`" in answer


@pytest.mark.parametrize(
    "question",
    ["Validate the stacks.", "validate", "Are the stacks valid?", "check the config", "Is everything fine?"],
)
def test_stacks_are_validated_in_many_wordings(question: str, agent: Agent) -> None:
    answer = agent.ask(question)
    assert agent.calls == [[("atmos_validate_stacks", {})]]
    assert "All stacks validated successfully" in answer


def test_a_named_component_is_validated_alone(agent: Agent) -> None:
    wanted = ("atmos_validate_component", {"component": "database", "stack": "ue1-prod"})
    assert first_call(agent, "Validate the database in ue1-prod") == wanted


def test_a_fault_that_validation_finds_is_repeated() -> None:
    answer = Agent(tools=atmos_tools("broken-yaml")).ask("Validate the stacks.")
    assert answer.startswith("I could not validate the stacks.")
    assert "line 10: did not find expected ',' or ']'" in answer


@pytest.mark.parametrize(
    "question",
    [
        "Plan the database in ue1-prod.",
        "plan database -s ue1-prod",
        "Please run a plan for the database in ue1-prod",
        "What would terraform change for the database in production?",
        "Can you do a dry run of the db in ue1-prod?",
    ],
)
def test_a_plan_is_made_in_many_wordings(question: str, agent: Agent) -> None:
    answer = agent.ask(question)
    assert agent.calls == [[("atmos_terraform_plan", {"component": "database", "stack": "ue1-prod"})]]
    assert "**1 to add, 0 to change, 0 to destroy**" in answer
    assert "- `terraform_data.instance` will be created" in answer


def test_a_refused_plan_is_answered_politely_with_the_reason() -> None:
    def refuse(component: str, stack: str) -> str:
        raise ToolFailedError("Denied by the user: not on a Friday")

    answer = Agent(tools={"atmos_terraform_plan": refuse}).ask("Plan the database in ue1-prod.")
    assert answer.startswith("I did not plan **database** in **ue1-prod**, because the permission was not given.")
    assert "not on a Friday" in answer


def test_names_that_do_not_exist_reach_atmos_and_its_error_comes_back(agent: Agent) -> None:
    assert first_call(agent, "Plan the nope in ue1-dev") == (
        "atmos_terraform_plan",
        {"component": "nope", "stack": "ue1-dev"},
    )
    assert "Could not find the component vpc in the stack ue1-nope" in agent.ask("Describe the vpc in ue1-nope")


def test_what_is_missing_is_asked_back_and_the_answer_is_understood(agent: Agent) -> None:
    assert agent.ask("Make a plan in ue1-dev").startswith("Which component should I plan in ue1-dev?")
    assert agent.ask("Plan the database.") == (
        "In which stack should I plan **database**? I know **ue1-dev**, **ue1-staging** and **ue1-prod**."
    )
    assert agent.calls == []
    assert "The plan for **database** in **ue1-prod**" in agent.ask("ue1-prod")


def test_a_short_question_leans_on_the_one_before(agent: Agent) -> None:
    agent.ask("What is the CIDR of the VPC in ue1-prod?")
    assert agent.ask("And in ue1-dev?") == "`cidr_block` of **vpc** in **ue1-dev** is **10.10.0.0/16**."
    assert agent.ask("what about staging?") == "`cidr_block` of **vpc** in **ue1-staging** is **10.11.0.0/16**."
    assert "The plan for **vpc** in **ue1-staging**" in agent.ask("Plan it.")
    assert "depend on **vpc** in **ue1-staging**" in agent.ask("What depends on it?")
    assert "The plan for **database** in **ue1-staging**" in agent.ask("Plan the database there.")
    assert "The plan for **database** in **ue1-dev**" in agent.ask("Now the same in ue1-dev")


@pytest.mark.parametrize(
    "question",
    [
        "Compare the vpc in ue1-dev and ue1-prod.",
        "What is the difference between dev and prod for the vpc?",
        "How does the VPC differ between ue1-dev and ue1-prod?",
        "diff vpc ue1-dev vs ue1-prod",
    ],
)
def test_a_component_is_compared_with_parallel_calls(question: str, agent: Agent) -> None:
    answer = agent.ask(question)
    assert agent.calls == [
        [
            ("atmos_describe_component", {"component": "vpc", "stack": "ue1-dev"}),
            ("atmos_describe_component", {"component": "vpc", "stack": "ue1-prod"}),
        ]
    ]
    assert "| `cidr_block` | 10.10.0.0/16 | 10.20.0.0/16 |" in answer
    assert "The same everywhere: `enabled`" in answer


def test_a_comparison_without_stacks_takes_all(agent: Agent) -> None:
    answer = agent.ask("Compare the database across all stacks")
    assert [len(step) for step in agent.calls] == [1, 3]
    assert "| variable | ue1-dev | ue1-prod | ue1-staging |" in answer


@pytest.mark.parametrize(
    "question", ["What depends on the vpc in ue1-prod?", "who uses the vpc in prod", "dependents of vpc in ue1-prod"]
)
def test_dependents_are_found(question: str, agent: Agent) -> None:
    answer = agent.ask(question)
    assert agent.calls == [[("atmos_describe_dependents", {"component": "vpc", "stack": "ue1-prod"})]]
    assert "2 components depend on **vpc**" in answer
    assert "**storefront in ue1-prod**" in answer


def test_nothing_depends_on_the_storefront(agent: Agent) -> None:
    assert agent.ask("What depends on the storefront in ue1-dev?") == (
        "Nothing depends on **storefront** in **ue1-dev**."
    )


@pytest.mark.parametrize(
    ("question", "base"),
    [
        ("What is affected compared to main?", "main"),
        ("What is affected?", "main"),
        ("what changed since main", "main"),
        ("Which components are affected by my branch?", "main"),
        ("What is affected compared to no-such-branch?", "no-such-branch"),
    ],
)
def test_affected_components_are_found(question: str, base: str, agent: Agent) -> None:
    answer = agent.ask(question)
    assert agent.calls == [[("atmos_describe_affected", {"base": base})]]
    assert ("| storefront | ue1-prod | `stack.vars` |" in answer) is (base == "main")
    assert ("git reference not found" in answer) is (base != "main")


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("Which components are there?", {}),
        ("list components", {}),
        ("Which components are in ue1-prod?", {"stack": "ue1-prod"}),
        ("What is in ue1-dev?", {"stack": "ue1-dev"}),
    ],
)
def test_components_are_listed(question: str, wanted: dict[str, str], agent: Agent) -> None:
    answer = agent.ask(question)
    assert agent.calls == [[("atmos_list_components", wanted)]]
    assert "3 components: **database**, **storefront** and **vpc**" in answer


@pytest.mark.parametrize(
    "question",
    [
        "Show stacks/catalog/vpc.yaml",
        "read stacks/catalog/vpc.yaml please",
        "What is in stacks/catalog/vpc.yaml?",
        "cat stacks/catalog/vpc.yaml",
        "stacks/catalog/vpc.yaml",
    ],
)
def test_a_file_is_shown(question: str, agent: Agent) -> None:
    answer = agent.ask(question)
    assert agent.calls == [[("file_read", {"path": "stacks/catalog/vpc.yaml"})]]
    assert "```yaml\ncomponents:" in answer


@pytest.mark.parametrize(
    ("question", "pattern"),
    [
        ("Where is multi_az set?", "multi_az"),
        ("where do we set multi-AZ?", "multi_az"),
        ("search for deletion_protection", "deletion_protection"),
        ("Which files mention storefront?", "storefront"),
        ("Find `team: platform` in the files", "team: platform"),
    ],
)
def test_files_are_searched(question: str, pattern: str, agent: Agent) -> None:
    answer = agent.ask(question)
    assert agent.calls == [[("file_search", {"pattern": pattern})]]
    assert "stacks/" in answer


def test_files_are_listed(agent: Agent) -> None:
    assert "stacks/catalog/vpc.yaml" in agent.ask("Which files are in the catalog?")


@pytest.mark.parametrize(
    ("question", "file", "line"),
    [
        ("Set replicas of the storefront in ue1-prod to 8.", "ue1-prod", "replicas: 8"),
        ("please change the replicas of the storefront in ue1-prod to 8", "ue1-prod", "replicas: 8"),
        ("Scale the storefront in prod to 8 replicas", "ue1-prod", "replicas: 8"),
        ("Double the replicas of the storefront in ue1-prod", "ue1-prod", None),
        ("Change the CIDR of the vpc in ue1-dev to 10.12.0.0/16", "ue1-dev", "cidr_block: 10.12.0.0/16"),
        ("Disable multi-AZ for the database in ue1-prod", "ue1-prod", "multi_az: false"),
    ],
)
def test_one_value_is_edited(question: str, file: str, line: str | None, agent: Agent, tmp_path: Path) -> None:
    answer = agent.ask(question)
    text = (tmp_path / "project" / "stacks" / "deploy" / f"{file}.yaml").read_text()
    if line is None:
        assert agent.calls == []
        assert "what to change to what" in answer
        return
    assert [call[0] for step in agent.calls for call in step] == ["file_search", "file_read", "file_edit"]
    assert f"        {line}\n" in text
    assert f"+        {line}\n" in answer
    assert "`/undo` restores the file" in answer


def test_a_text_is_replaced_in_a_named_file(agent: Agent, tmp_path: Path) -> None:
    agent.ask("In stacks/catalog/vpc.yaml replace `team: platform` with `team: network`.")
    assert "team: network" in (tmp_path / "project" / "stacks" / "catalog" / "vpc.yaml").read_text()


def test_a_value_that_is_inherited_is_not_edited(agent: Agent) -> None:
    answer = agent.ask("Set the engine_version of the database in ue1-prod to 17")
    assert "it is inherited" in answer
    assert "I changed nothing" in answer


def test_undo_is_left_to_its_command(agent: Agent) -> None:
    assert "Type `/undo`" in agent.ask("Undo that.")


def test_a_report_is_long_markdown_from_parallel_calls(agent: Agent) -> None:
    answer = agent.ask("Write a report about the project.")
    assert [len(step) for step in agent.calls] == [2, 9]
    assert len(answer) > 2500
    assert "## storefront" in answer
    assert "```yaml" in answer
    assert "| `replicas` | 1 | 6 | 1 |" in answer


@pytest.mark.parametrize(
    "question",
    ["What would happen if I destroy the vpc in ue1-dev?", "Is it safe to destroy the vpc in ue1-dev?"],
)
def test_a_question_about_destroying_destroys_nothing(question: str, agent: Agent) -> None:
    wanted = ("atmos_describe_dependents", {"component": "vpc", "stack": "ue1-dev"})
    assert first_call(agent, question) == wanted


@pytest.mark.parametrize(
    "question", ["Which stack has the most replicas?", "Is the database in prod bigger than in dev?"]
)
def test_a_question_of_more_or_less_is_a_comparison(question: str, agent: Agent) -> None:
    assert "differs between" in agent.ask(question)


def test_applying_goes_through_the_general_command(agent: Agent) -> None:
    wanted = ("execute_atmos_command", {"arguments": ["terraform", "apply", "vpc", "-s", "ue1-dev"]})
    assert first_call(agent, "Apply the vpc in ue1-dev") == wanted
    assert first_call(agent, "run `atmos version`") == ("execute_atmos_command", {"arguments": ["version"]})
    assert first_call(agent, "Run ls -la") == ("execute_bash_command", {"command": "ls -la"})


@pytest.mark.parametrize(
    "question",
    ["Write a poem about the sea", "Warum ist der Himmel blau?", "xyzzy", "42", "What is the meaning of life?"],
)
def test_an_unknown_question_is_answered_honestly_with_examples(question: str, agent: Agent) -> None:
    answer = agent.ask(question)
    assert "I am the offline demo model" in answer
    assert "Which stacks are there?" in answer
    assert agent.calls == []


def test_what_is_piped_in_behind_a_question_is_no_wish(agent: Agent) -> None:
    answer = agent.ask("Which stacks are there?\n\n" + "words of a log " * 500 + "undo that")
    assert "**ue1-dev**, **ue1-prod** and **ue1-staging**" in answer


def test_a_comparison_that_names_its_stacks_leaves_out_those_of_the_question_before(agent: Agent) -> None:
    agent.ask("Describe the database in ue1-prod")
    assert "| variable | ue1-dev | ue1-staging |" in agent.ask("Is there a difference between dev and staging?")


@pytest.mark.parametrize("question", ["Hello!", "help", "What can you do?", "Who are you?"])
def test_a_greeting_says_what_it_is(question: str, agent: Agent) -> None:
    assert "no language model, only rules" in agent.ask(question)


def test_a_tool_that_is_not_offered_is_not_called(agent: Agent) -> None:
    agent.tools = {}
    assert "`atmos_list_stacks`" in agent.ask("Which stacks are there?")
    assert agent.calls == []


def test_it_can_say_what_was_asked_so_far(agent: Agent) -> None:
    agent.ask("Which stacks are there?")
    answer = agent.ask("Summarize what we did so far")
    assert "- Which stacks are there?" in answer
    assert "`atmos_list_stacks`" in answer


@pytest.mark.parametrize(
    "output",
    [
        "- Stack: ue1-dev\n- Stack: ue1-prod\n",
        '{"stdout": "- Stack: ue1-dev\\n- Stack: ue1-prod\\n", "exit_code": 0}',
        'exit code 0\n[{"Stack": "ue1-dev"}, {"Stack": "ue1-prod"}]\nstderr: nothing',
        "ue1-dev\nue1-prod\n",
    ],
)
def test_a_list_is_read_in_whatever_form_the_tool_returns_it(output: str) -> None:
    answer = Agent(tools={"atmos_list_stacks": lambda: output}).ask("Which stacks are there?")
    assert answer == "There are 2 stacks: **ue1-dev** and **ue1-prod**."


def test_a_description_is_read_as_yaml_too() -> None:
    output = (
        "import:\n  - catalog/vpc  # note\nvars:\n  tags:\n    team: platform\n  availability_zones:\n"
        "    - a\n    - b\n  cidr_block: 10.1.0.0/16  # line 3\n"
    )
    agent = Agent(tools={"atmos_describe_component": lambda component, stack: output})
    assert "is **10.1.0.0/16**" in agent.ask("What is the CIDR of the vpc in ue1-dev?")
    assert "is **a, b**" in agent.ask("What are the availability zones of the vpc in ue1-dev?")
    assert "is **team: platform**" in agent.ask("What are the tags of the vpc in ue1-dev?")


def test_a_file_with_line_numbers_is_edited_all_the_same() -> None:
    edits = []

    def edit(path: str, old: str, new: str) -> str:
        edits.append((path, old, new))
        return json.dumps({"replaced": 1})

    tools: dict[str, Tool] = {
        "file_search": lambda pattern: "stacks/ue1-dev.yaml:3: replicas: 1",
        "file_read": lambda path: (
            "1\tcomponents:\n2\t  storefront:\n3\t    replicas: 1\n4\t  other:\n5\t    replicas: 1"
        ),
        "file_edit": edit,
    }
    Agent(tools=tools).ask("Set replicas of the storefront in ue1-dev to 2")
    assert edits == [
        ("stacks/ue1-dev.yaml", "  storefront:\n    replicas: 1", "  storefront:\n    replicas: 2"),
    ]
