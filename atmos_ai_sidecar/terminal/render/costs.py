"""Costs in words."""

from atmos_ai_sidecar.domain.messages import Usage


def cost_text(usage: Usage) -> str:
    """A cost in dollars, small ones with more digits; "cost unknown" where a model has no price."""
    cost = usage.known_cost_usd
    if cost is None:
        return "cost unknown"
    return f"${cost:.2f}" if cost >= 1 or not cost else f"${cost:.4f}"
