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
    bedrock: {base_url: us-east-1, model: m}
"""
    environment = {"ANTHROPIC_API_KEY": "other", "ANTHROPIC_BASE_URL": "https://environment.example", "MY_KEY": "mine"}
    choice = chosen(project, text, **environment)
    assert (choice.model, choice.base_url, choice.api_key) == ("file-model", "https://file.example", "mine")
    assert (choice.max_tokens, choice.key_source) == (7, "!env MY_KEY")
    assert chosen(project, text, model="flag-model", **environment).model == "flag-model"
    assert chosen(project, text, provider="bedrock", **environment).region == "us-east-1"


def test_the_flat_spelling_fills_what_the_section_leaves_out(project: ProjectFolder) -> None:
    text = "ai: {model: flat, api_key: !env FLAT, providers: {anthropic: {api_key: !env MINE, max_tokens: 9}}}"
    choice = chosen(project, text, FLAT="flat", MINE="mine")
    assert (choice.model, choice.api_key, choice.max_tokens) == ("flat", "mine", 9)
    assert project.load().secret_variables >= {"MINE"}


def test_the_environment_gives_the_url_where_the_files_do_not(project: ProjectFolder) -> None:
    choice = chosen(project, "ai: {}", ANTHROPIC_BASE_URL="https://e.example", ANTHROPIC_AUTH_TOKEN="token")
    assert (choice.base_url, choice.auth_token, choice.api_key) == ("https://e.example", "token", "")


def test_a_model_on_this_machine_needs_no_key(project: ProjectFolder) -> None:
    choice = chosen(project, "ai: {base_url: 'http://localhost:11434', model: qwen}")
    assert (choice.model, choice.key_source) == ("qwen", "none, the model runs on this machine")


def test_the_only_provider_needs_no_choice(project: ProjectFolder) -> None:
    assert chosen(project, "ai: {providers: {bedrock: {region: eu-west-1, model: m}}}").provider == "bedrock"


@pytest.mark.parametrize(
    ("text", "environment", "region", "base_url"),
    [
        ("base_url: eu-west-1", {"AWS_REGION": "other"}, "eu-west-1", ""),
        ("base_url: 'https://proxy'", {"AWS_REGION": "eu-west-2"}, "eu-west-2", "https://proxy"),
        ("max_tokens: 9", {"AWS_DEFAULT_REGION": "eu-west-3"}, "eu-west-3", ""),
        ("region: a-1", {"ANTHROPIC_BEDROCK_BASE_URL": "https://gateway"}, "a-1", "https://gateway"),
    ],
)
def test_bedrock_takes_its_region_as_atmos_does(
    project: ProjectFolder, text: str, environment: dict[str, str], region: str, base_url: str
) -> None:
    choice = chosen(project, f"ai: {{provider: Bedrock, model: m, {text}}}", **environment)
    assert (choice.provider, choice.region, choice.base_url) == ("bedrock", region, base_url)
    assert (choice.key_source, choice.api_key, choice.model) == ("AWS credentials", "", "m")


def test_bedrock_takes_an_api_key_of_amazon(project: ProjectFolder) -> None:
    text = "ai: {provider: bedrock, providers: {bedrock: {model: m, base_url: eu-west-1, api_key: !env MINE}}}"
    environment = {"AWS_BEARER_TOKEN_BEDROCK": "theirs"}
    assert chosen(project, text, MINE="mine", **environment).api_key == "mine"
    found = chosen(project, text.replace(", api_key: !env MINE", ""), **environment)
    assert (found.api_key, found.key_source) == ("theirs", "API key of Amazon Bedrock (AWS_BEARER_TOKEN_BEDROCK)")


@pytest.mark.parametrize("variable", ["ANTHROPIC_VERTEX_PROJECT_ID", "GOOGLE_CLOUD_PROJECT"])
def test_vertex_takes_project_and_region(project: ProjectFolder, variable: str) -> None:
    text = "ai: {provider: vertex, providers: {vertex: {project_id: p}}}"
    choice = chosen(project, text, CLOUD_ML_REGION="europe-west1")
    assert (choice.project_id, choice.region) == ("p", "europe-west1")
    environment = {variable: "q", "ANTHROPIC_VERTEX_BASE_URL": "https://gateway"}
    other = chosen(project, "ai: {provider: vertex, providers: {vertex: {region: global}}}", **environment)
    assert (other.project_id, other.region, other.base_url) == ("q", "global", "https://gateway")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ai: {}", "ai.providers.anthropic.api_key and ANTHROPIC_API_KEY are not set"),
        ("ai: {api_key: !env MY_KEY}", "takes it from MY_KEY, which is not set. Run `export MY_KEY=YOUR-KEY`"),
        ("ai: {api_key: ''}", "atmos.yaml:1) is empty"),
        ("ai: {base_url: 'proxy'}", "'proxy' of provider anthropic is no URL"),
        ("ai:\n  provider: openai\n", "The provider 'openai' ("),
        ("ai: {provider: bedrock, model: m}", "needs an AWS region"),
        ("ai: {provider: bedrock, model: m, base_url: 'evil.example/#'}", "'evil.example/#' is no region"),
        ("ai: {provider: bedrock, base_url: eu-west-1}", "needs the name of a model"),
        ("ai: {provider: vertex}", "needs project_id and region"),
        ("ai: {provider: vertex, providers: {vertex: {project_id: p}}}", "needs region"),
        ("ai: {provider: vertex, providers: {vertex: {project_id: p, region: e.f}}}", "'e.f' is no region"),
    ],
)
def test_what_is_missing_is_named_with_a_remedy(project: ProjectFolder, text: str, words: str) -> None:
    with pytest.raises(ModelNotConfiguredError) as caught:
        chosen(project, text)
    assert words in str(caught.value)
    assert caught.value.remedy


NOT_HERE = ["openai", "gemini", "grok", "ollama", "azureopenai", "claude-code", "codex-cli", "gemini-cli", "Ollama"]


@pytest.mark.parametrize("name", NOT_HERE)
def test_a_provider_of_atmos_that_is_not_here_comes_with_a_block_that_works(project: ProjectFolder, name: str) -> None:
    with pytest.raises(ModelNotConfiguredError) as caught:
        chosen(project, f"ai:\n  provider: {name}\n")
    assert f"The provider {name!r}" in caught.value.message
    assert "atmos.yaml:2)" in caught.value.message
    block = caught.value.remedy.split("\n\n", 1)[1]
    choice = chosen(project, block, ANTHROPIC_API_KEY="k")
    assert project.load().enabled
    assert choice.provider == "anthropic"
    assert bool(choice.base_url) == (name.lower() == "ollama")


@pytest.mark.parametrize(
    "text", ["ai: {provider: bedrock}", "ai: {provider: bedrock, base_url: eu-west-1}", "ai: {provider: vertex}"]
)
def test_the_block_of_a_cloud_works(project: ProjectFolder, text: str) -> None:
    with pytest.raises(ModelNotConfiguredError) as caught:
        chosen(project, text)
    choice = chosen(project, caught.value.remedy.split("\n\n", 1)[1])
    assert project.load().enabled
    assert choice.region


def test_the_endpoint_and_the_project_of_a_cloud_are_claims(project: ProjectFolder) -> None:
    project.write("ai: {providers: {vertex: {project_id: theirs, base_url: 'https://elsewhere'}}}")
    claims = [claim.text for claim in project.load().claims]
    assert "ai.providers.vertex.project_id: theirs (atmos.yaml:1)" in claims
    assert "ai.providers.vertex.base_url: https://elsewhere (atmos.yaml:1)" in claims
