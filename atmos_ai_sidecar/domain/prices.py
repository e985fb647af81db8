"""What tokens cost. A model that the table does not have has no price: its cost is unknown and never 0.

The table is dated, because providers change their prices; `ai.prices` of the configuration goes over it.
"""

import re
from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType

from atmos_ai_sidecar.domain.messages import Usage
from atmos_ai_sidecar.lazy_dataclasses import dataclass

PRICES_DATE = "2026-10-24"
_PER_TOKEN = 1_000_000
_CACHE_READ_SHARE, _CACHE_WRITE_SHARE = 0.1, 1.25
"""Of the input price, where a provider says nothing else; writes live for five minutes, as ours do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars for a million tokens of each kind."""

    input: float
    output: float
    cache_read: float
    cache_write: float
    long_prompt_tokens: int | None = None
    """From more prompt tokens on than this, ``long_prompt_factor`` goes on every token of the request."""
    long_prompt_factor: float = 1.0

    def cost_usd(self, usage: Usage) -> float:
        """The cost of one model request."""
        sum_ = (
            usage.input_tokens * self.input
            + usage.output_tokens * self.output
            + usage.cache_read_input_tokens * self.cache_read
            + usage.cache_creation_input_tokens * self.cache_write
        )
        is_long = self.long_prompt_tokens is not None and usage.prompt_tokens > self.long_prompt_tokens
        return sum_ * (self.long_prompt_factor if is_long else 1.0) / _PER_TOKEN


def price(
    input: float,  # noqa: A002 - the word that every price list has
    output: float,
    *,
    cache_read: float | None = None,
    cache_write: float | None = None,
) -> Price:
    """A price whose cache prices are the usual shares of the input price where they are not given."""
    return Price(
        input=input,
        output=output,
        cache_read=input * _CACHE_READ_SHARE if cache_read is None else cache_read,
        cache_write=input * _CACHE_WRITE_SHARE if cache_write is None else cache_write,
    )


# Source: the provider's public price list (platform.claude.com, "Pricing"); the 5.5 models' and the 4.x Sonnets' and
# Haikus' as public cost trackers quoted it on PRICES_DATE.
_TABLE: Mapping[str, Price] = MappingProxyType(
    {
        "claude-fable-5-1": price(10, 50, cache_read=0.25),
        "claude-fable-5": price(10, 50),
        "claude-opus-5-5": price(4, 20, cache_read=0.20),
        "claude-opus-5": price(5, 25),
        "claude-opus-4-8": price(5, 25),
        "claude-opus-4-7": price(5, 25),
        "claude-opus-4-6": price(5, 25),
        "claude-opus-4-5": price(5, 25),
        "claude-opus-4-1": price(15, 75),
        "claude-opus-4": price(15, 75),
        "claude-sonnet-5-5": price(2, 10, cache_read=0.10),
        "claude-sonnet-5": price(2, 10),
        "claude-sonnet-4-6": price(3, 15),
        "claude-sonnet-4-5": price(3, 15),
        "claude-sonnet-4": price(3, 15),
        "claude-haiku-5-5": Price(
            input=0.10,
            output=0.50,
            cache_read=0.01,
            cache_write=0.125,
            long_prompt_tokens=100_000,
            long_prompt_factor=5,
        ),
        "claude-haiku-4-5": price(1, 5),
    }
)
# `us.anthropic.claude-opus-4-1-20250805-v1:0` on Bedrock, `claude-opus-4-1@20250805` on Vertex, `…-latest`.
_BEFORE = re.compile(r"(?:[a-z]{2,6}\.)?anthropic\.")
_AFTER = re.compile(r"(?:[-@]20\d{6}|-latest|-0)?(?:-v\d+(?::\d+)?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """The prices of a run."""

    configured: Mapping[str, Price] = field(default_factory=dict)
    """By the model's whole name; they go over the table."""

    def find(self, model: str) -> Price | None:
        """The price of a model, also under its names at other clouds; None when nobody has told it."""
        if model in self.configured:
            return self.configured[model]
        before = _BEFORE.match(model)
        name = model[before.end() :] if before else model
        found = [known for known in _TABLE if name.startswith(known) and _AFTER.fullmatch(name, len(known))]
        return _TABLE[max(found, key=len)] if found else None
