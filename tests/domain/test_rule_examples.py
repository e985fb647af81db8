"""Examples of rules are checked against what the rule really does."""

from typing import Any

import pytest

from atmos_ai_sidecar.adapters.command_parser import TreeSitterCommandParser
from atmos_ai_sidecar.domain.decisions import DecisionKind
from atmos_ai_sidecar.domain.rule_examples import RuleExample, is_right
from atmos_ai_sidecar.domain.rules import PermissionRule

DENY, ALLOW = DecisionKind.DENY, DecisionKind.ALLOW
PARSE = TreeSitterCommandParser().parse


@pytest.mark.parametrize(
    ("decision", "conditions", "text", "holds"),
    [
        (DENY, {"commands": ("terraform apply *",), "tools": ("x",), "stacks": ("a",)}, "terraform apply tfplan", True),
        (DENY, {"commands": ("terraform apply *",)}, "sudo terraform -chdir=x apply", True),
        (DENY, {"commands": ("terraform apply *",)}, "ls && terraform apply", True),
        (DENY, {"commands": ("terraform apply *",)}, "terraform plan", False),
        (DENY, {"commands": ("terraform apply *",)}, "terraform $X", False),
        (DENY, {"commands": ("terraform apply *",)}, "", False),
        (ALLOW, {"commands": ("terraform apply *",)}, "terraform apply tfplan", True),
        (ALLOW, {"commands": ("terraform apply *",)}, "ls && terraform apply", False),
        (ALLOW, {"commands": ("terraform apply *",)}, "", False),
        (DENY, {"paths": ("stacks/**",), "stacks": ("a",)}, "Stacks/prod.yaml", True),
        (DENY, {"paths": ("stacks/**",)}, "main.tf", False),
        (ALLOW, {"paths": ("stacks/**",)}, "stacks/prod.yaml", True),
        (ALLOW, {"paths": ("stacks/**",)}, "Stacks/prod.yaml", False),
        (DENY, {"stacks": ("*-prod",), "components": ("a",)}, "ue1-prod", True),
        (DENY, {"stacks": ("*-prod",)}, "ue1-dev", False),
        (DENY, {"components": ("vpc*",), "tools": ("x",)}, "vpc-2", True),
        (DENY, {"components": ("vpc*",)}, "eks", False),
        (DENY, {"tools": ("file_*",)}, "file_read", True),
        (DENY, {"tools": ("file_*",)}, "atmos_list_stacks", False),
    ],
)
def test_an_example_is_right_when_the_rule_does_what_it_says(
    decision: DecisionKind, conditions: dict[str, Any], text: str, holds: bool
) -> None:
    rule = PermissionRule(decision=decision, **conditions)
    for expected in (True, False):
        example = RuleExample(rule=rule, text=text, holds=expected, file="atmos.yaml", line=1)
        assert is_right(example, PARSE) is (holds is expected)
