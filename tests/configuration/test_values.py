from tests.configuration.conftest import ProjectFolder


def test_values_are_shown_as_they_count_and_hold_no_secret(project: ProjectFolder) -> None:
    project.write(
        "ai:\n  enabled: true\n  tools: {blocked: [a, 'b*']}\n  sessions: {url: sesame-url}\n"
        "  providers: {anthropic: {api_key: sesame, base_url: 'https://me:sesame@proxy/v1'}}\n"
    )
    config = project.load()
    assert config.values["ai.enabled"] == "true"
    assert config.values["ai.tools.blocked"] == "a, b*"
    assert config.values["ai.providers.anthropic.base_url"] == "https://proxy/v1"
    assert config.values["ai.providers.anthropic.api_key"] == "(hidden)"
    assert config.values["ai.sessions.url"] == "(hidden)"
    assert "sesame" not in str(config.values)
    assert config.values.keys() <= config.origins.keys()
