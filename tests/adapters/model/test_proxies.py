import pytest

from atmos_ai_sidecar.adapters.model.proxies import proxy_for

PROXY = "http://proxy.corp:3128"


@pytest.mark.parametrize(
    ("scheme", "environment", "expected"),
    [
        ("https", {}, ""),
        ("https", {"https_proxy": PROXY}, PROXY),
        ("https", {"HTTPS_PROXY": PROXY}, PROXY),
        ("https", {"http_proxy": PROXY}, ""),
        ("http", {"http_proxy": PROXY}, PROXY),
        ("https", {"all_proxy": PROXY}, PROXY),
        ("https", {"https_proxy": PROXY, "all_proxy": "http://other"}, PROXY),
        ("https", {"https_proxy": "proxy.corp:3128"}, PROXY),
        ("https", {"https_proxy": " ", "ALL_PROXY": PROXY}, PROXY),
    ],
)
def test_the_proxy_is_that_of_the_scheme_else_of_all(scheme: str, environment: dict[str, str], expected: str) -> None:
    assert proxy_for(scheme, "api.anthropic.com", environment) == expected


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.8.8.8", "::1", "[::1]"])
def test_this_machine_is_never_behind_a_proxy(host: str) -> None:
    assert proxy_for("http", host, {"http_proxy": PROXY, "all_proxy": PROXY}) == ""


@pytest.mark.parametrize(
    ("no_proxy", "host", "is_direct"),
    [
        ("*", "api.anthropic.com", True),
        ("anthropic.com", "api.anthropic.com", True),
        (".anthropic.com", "api.anthropic.com", True),
        ("*.anthropic.com", "api.anthropic.com", True),
        ("api.Anthropic.com", "API.anthropic.com", True),
        ("x.org, anthropic.com ,y", "anthropic.com", True),
        ("anthropic.com", "notanthropic.com", False),
        ("api.anthropic.com", "anthropic.com", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("fd00::/8", "[fd00::1]", True),
        ("10.0.0.0/8", "fd00::1", False),
        ("", "api.anthropic.com", False),
        (" , .", "api.anthropic.com", False),
    ],
)
def test_no_proxy_names_what_is_reached_directly(no_proxy: str, host: str, is_direct: bool) -> None:
    environment = {"https_proxy": PROXY, "NO_PROXY": no_proxy}
    assert proxy_for("https", host, environment) == ("" if is_direct else PROXY)
