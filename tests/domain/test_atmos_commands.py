import pytest

from atmos_ai_sidecar.domain.atmos_commands import classify, effect_of, forbidden_reason
from atmos_ai_sidecar.domain.tools import CommandClass, Effect

WITHOUT_CODE = "--process-functions=false --process-templates=false"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("version", "read"),
        ("help", "read"),
        ("terraform apply --help", "read"),
        ("terraform apply vpc -s --help", "mutate"),
        ("terraform destroy vpc -s --help", "destroy"),
        ("validate stacks", "read"),
        ("validate stacks --schemas-atmos-manifest https://example.com", "code-execution"),
        ("validate component vpc -s ue1-dev", "code-execution"),
        ("list stacks", "code-execution"),
        (f"list stacks {WITHOUT_CODE}", "read"),
        (f"describe component vpc -s ue1-dev --format=json {WITHOUT_CODE}", "read"),
        (f"describe stacks --file out.yaml {WITHOUT_CODE}", "code-execution"),
        (f"describe stacks {WITHOUT_CODE} --process-functions=true", "code-execution"),
        ("describe stacks --process-functions=false", "code-execution"),
        ("terraform plan vpc -s ue1-dev", "plan"),
        ("tf plan vpc -s ue1-dev", "plan"),
        ("terraform plan vpc --stack=ue1-dev -- -input=false -lock=false -target=a", "plan"),
        ("terraform plan vpc -s ue1-dev -- -destroy", "plan"),
        ("terraform plan vpc -s ue1-dev -- -out=/etc/passwd", "unknown"),
        ("--chdir x terraform plan vpc -s ue1-dev", "plan"),
        ("-C terraform version", "read"),
        ("terraform apply vpc -s ue1-dev", "mutate"),
        ("terraform deploy vpc -s ue1-dev -auto-approve", "mutate"),
        ("terraform apply vpc -s ue1-dev -- -destroy", "destroy"),
        ("terraform destroy vpc -s ue1-dev", "destroy"),
        ("terraform state rm a -s ue1-dev", "state"),
        ("terraform force-unlock vpc", "state"),
        ("terraform workspace delete x", "state"),
        ("terraform output vpc -s ue1-dev", "secret-read"),
        ("terraform output vpc -s ue1-dev --skip-init", "secret-read"),
        ("terraform -chdir=x apply", "unknown"),
        ("--unknown terraform plan", "unknown"),
        ("workflow deploy", "unknown"),
        ("terraform", "unknown"),
        ("Terraform plan", "unknown"),
        ("", "unknown"),
        ("--help", "unknown"),
    ],
)
def test_the_class_of_a_command(command: str, expected: str) -> None:
    assert classify(command.split()) is CommandClass(expected)


def test_only_reading_has_the_effect_read() -> None:
    assert {each: effect_of(each) for each in CommandClass} == {
        each: Effect.READ if each is CommandClass.READ else Effect.EXECUTE for each in CommandClass
    }


@pytest.mark.parametrize(
    "command", ["ai chat", "--verbose ai ask x", "-C x ai", "--new-flag ai chat", "mcp start", "lsp start"]
)
def test_assistants_and_servers_are_forbidden_wherever_the_word_stands(command: str) -> None:
    assert forbidden_reason(command.split())


@pytest.mark.parametrize("command", ["terraform plan ai -s mcp", "version", "", "-C ai version"])
def test_a_component_or_stack_of_that_name_is_not_forbidden(command: str) -> None:
    assert not forbidden_reason(command.split())
