import pytest

from atmos_ai_sidecar.domain.messages import Usage
from atmos_ai_sidecar.domain.prices import Price, PriceTable, price

MILLION = 1_000_000


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("claude-sonnet-5-5", 2),
        ("claude-sonnet-5", 2),
        ("claude-sonnet-4-5-20250929", 3),
        ("claude-sonnet-4-5@20250929", 3),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 3),
        ("anthropic.claude-opus-4-1-20250805-v1:0", 15),
        ("claude-opus-4-20250514", 15),
        ("claude-opus-4-0", 15),
        ("claude-opus-4-5-latest", 5),
    ],
)
def test_a_model_has_one_price_under_all_its_names(model: str, expected: float) -> None:
    found = PriceTable().find(model)
    assert found is not None
    assert found.input == expected


@pytest.mark.parametrize(
    "model", ["", "offline-demo", "gpt-5", "claude-sonnet-6", "claude-opus-4-99", "claude-sonnet-5x"]
)
def test_an_unknown_model_has_no_price(model: str) -> None:
    assert PriceTable().find(model) is None


def test_a_configured_price_goes_over_the_table() -> None:
    table = PriceTable(configured={"claude-sonnet-5-5": price(1, 1), "mine": price(0, 0)})
    assert table.find("claude-sonnet-5-5") == price(1, 1)
    mine = table.find("mine")
    assert mine is not None
    assert mine.cost_usd(Usage(input_tokens=MILLION)) == 0


def test_every_kind_of_token_has_its_own_price() -> None:
    usage = Usage(
        input_tokens=MILLION,
        output_tokens=MILLION,
        cache_read_input_tokens=MILLION,
        cache_creation_input_tokens=MILLION,
    )
    assert price(2, 10).cost_usd(usage) == pytest.approx(2 + 10 + 0.2 + 2.5)


@pytest.mark.parametrize(("tokens", "factor"), [(100_000, 1), (100_001, 5)])
def test_a_long_prompt_costs_more_where_the_provider_says_so(tokens: int, factor: float) -> None:
    haiku = PriceTable().find("claude-haiku-5-5")
    assert isinstance(haiku, Price)
    assert haiku.cost_usd(Usage(cache_read_input_tokens=tokens)) == pytest.approx(tokens * 0.01 * factor / MILLION)


def test_a_sum_with_an_unknown_cost_is_unknown_and_nothing_costs_nothing() -> None:
    known, unknown = Usage(input_tokens=1, cost_usd=0.5), Usage(input_tokens=1)
    assert (known + known).cost_usd == 1.0
    assert (known + unknown).cost_usd is None
    assert (Usage() + known).cost_usd == 0.5
    assert Usage().known_cost_usd == 0.0
    assert unknown.known_cost_usd is None
