from pathlib import Path

import pytest

from atmos_ai_sidecar.application.workspace import Run, RunOptions
from atmos_ai_sidecar.composition.configurations import configuration_of
from atmos_ai_sidecar.errors import ConfigurationInvalidError

RULES = """\
ai:
  enabled: true
  permissions:
    rules:
      - decision: deny
        commands: ["terraform apply *"]
        examples:
          match:
            - sudo terraform -chdir=x apply
            - {match}
          not_match: [{not_match}]
"""


def load(directory: Path, **examples: str) -> None:
    (directory / "atmos.yaml").write_text(RULES.format(**examples))
    configuration_of(Run(run_id="", directory=str(directory), environment={"HOME": "/nowhere"}), RunOptions())


def test_a_rule_with_right_examples_starts(tmp_path: Path) -> None:
    load(tmp_path, match="atmos terraform deploy vpc -s x", not_match="terraform plan")


@pytest.mark.parametrize(
    ("examples", "line", "words"),
    [
        ({"match": "terraform plan", "not_match": "ls"}, 10, "does not hold for its example 'terraform plan'"),
        ({"match": "terraform apply", "not_match": "ls; tofu apply"}, 11, "holds for its example 'ls; tofu apply'"),
    ],
)
def test_a_wrong_example_stops_the_start_with_file_and_line(
    tmp_path: Path, examples: dict[str, str], line: int, words: str
) -> None:
    with pytest.raises(ConfigurationInvalidError, match=words) as caught:
        load(tmp_path, **examples)
    assert (Path(caught.value.file).name, caught.value.line) == ("atmos.yaml", line)
