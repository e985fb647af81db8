"""Whether the provider's prompt cache was hit where a hit was due."""

from atmos_ai_sidecar.domain.messages import Usage
from atmos_ai_sidecar.lazy_dataclasses import dataclass

LIFE_SECONDS = 300.0
"""How long the provider keeps what was written or read last (its prompt caching guide)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedPrompt:
    """What the last request of a session left in the cache."""

    prefix: str
    """Names everything before the messages: another model, system prompt or tool makes another prefix."""
    tokens: int
    time: float
    """By the monotonic clock."""

    def is_missed_by(self, usage: Usage, *, prefix: str, time: float) -> bool:
        """Whether a request that begins with the same prompt, soon enough, read less than was there."""
        is_due = self.tokens > 0 and prefix == self.prefix and time - self.time <= LIFE_SECONDS
        return is_due and usage.cache_read_input_tokens < self.tokens
