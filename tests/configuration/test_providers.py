import pytest

from atmos_ai_sidecar.configuration import ModelChoice, choose_model
from atmos_ai_sidecar.errors import ModelNotConfiguredError
from tests.configuration.conftest import ProjectFolder


def chosen(
    project: ProjectFolder, text: str, *, provider: str = "", model: str = "", **environment: str
) -> ModelChoice:
    project.write(text)
    return choose_model(project.load(environment=environment), environment, provider=provider, model=model)


def test_anthropic_and_its_default_model_need_only_a_key(project: ProjectFolder) -> None:
    choice = chosen(project, "ai: {enabled: true}", ANTHROPIC_API_KEY="sesame")
    assert (choice.provider, choice.model, choice.base_url) == ("anthropic", "claude-sonnet-5-5", "")
    assert (choice.api_key, choice.key_source) == ("sesame", "ANTHROPIC_API_KEY")
    assert "sesame" not in repr(choice)


def test_the_files_win_over_the_environment_and_flags_over_the_files(project: ProjectFolder) -> None:
    text = """
ai:
  provider: anthropic
  providers:
    anthropic: {model: file-model, api_key: !env MY_KEY, base_url: "https://file.example", max_tokens: 7}
    bedrock: {base_url: us-east-1}
"""
    environment = {"ANTHROPIC_API_KEY": "other", "ANTHROPIC_BASE_URL": "https://environment.example", "MY_KEY": "mine"}
    choice = chosen(project, text, **environment)
    assert (choice.model, choice.base_url, choice.api_key) == ("file-model", "https://file.example", "mine")
    assert (choice.max_tokens, choice.key_source) == (7, "!env MY_KEY")
    assert chosen(project, text, model="flag-model", **environment).model == "flag-model"
    assert chosen(project, text, provider="bedrock", **environment).region == "us-east-1"


def test_the_environment_gives_the_url_where_the_files_do_not(project: ProjectFolder) -> None:
    choice = chosen(project, "ai: {}", ANTHROPIC_BASE_URL="https://e.example", ANTHROPIC_AUTH_TOKEN="token")
    assert (choice.base_url, choice.auth_token, choice.api_key) == ("https://e.example", "token", "")


def test_a_model_on_this_machine_needs_no_key(project: ProjectFolder) -> None:
    choice = chosen(project, "ai: {base_url: 'http://localhost:11434', model: qwen}")
    assert (choice.model, choice.key_source) == ("qwen", "none, the model runs on this machine")


def test_the_only_provider_needs_no_choice(project: ProjectFolder) -> None:
    assert chosen(project, "ai: {providers: {bedrock: {region: eu-west-1}}}").provider == "bedrock"


@pytest.mark.parametrize(
    ("text", "environment", "region"),
    [
        ("ai: {provider: bedrock, base_url: eu-west-1}", {"AWS_REGION": "other"}, "eu-west-1"),
        ("ai: {provider: bedrock, base_url: 'https://proxy'}", {"AWS_REGION": "eu-west-2"}, "eu-west-2"),
        ("ai: {provider: bedrock}", {"AWS_DEFAULT_REGION": "eu-west-3"}, "eu-west-3"),
    ],
)
def test_bedrock_takes_its_region_as_atmos_does(
    project: ProjectFolder, text: str, environment: dict[str, str], region: str
) -> None:
    choice = chosen(project, text, **environment)
    assert (choice.region, choice.key_source) == (region, "AWS credentials")
    assert choice.base_url in {"", "https://proxy"}


def test_vertex_takes_project_and_region(project: ProjectFolder) -> None:
    text = "ai: {provider: vertex, providers: {vertex: {project_id: p}}}"
    choice = chosen(project, text, CLOUD_ML_REGION="europe-west1")
    assert (choice.project_id, choice.region) == ("p", "europe-west1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ai: {}", "ai.providers.anthropic.api_key and ANTHROPIC_API_KEY are not set"),
        ("ai: {api_key: !env MY_KEY}", "takes it from MY_KEY, which is not set. Run `export MY_KEY=YOUR-KEY`"),
        ("ai: {api_key: ''}", "atmos.yaml:1) is empty"),
        ("ai: {base_url: 'proxy'}", "'proxy' of provider anthropic is no URL"),
        ("ai:\n  provider: openai\n", "The provider 'openai' ("),
        ("ai: {provider: bedrock}", "needs an AWS region"),
        ("ai: {provider: vertex}", "needs project_id and region"),
    ],
)
def test_what_is_missing_is_named_with_a_remedy(project: ProjectFolder, text: str, words: str) -> None:
    with pytest.raises(ModelNotConfiguredError) as caught:
        chosen(project, text)
    assert words in str(caught.value)
    assert caught.value.remedy


def test_an_unknown_provider_comes_with_a_block_to_paste(project: ProjectFolder) -> None:
    with pytest.raises(ModelNotConfiguredError) as caught:
        chosen(project, "ai:\n  provider: gemini\n")
    assert "atmos.yaml:2)" in caught.value.message
    block = caught.value.remedy.split("\n\n", 1)[1]
    assert chosen(project, block, ANTHROPIC_API_KEY="k").provider == "anthropic"
