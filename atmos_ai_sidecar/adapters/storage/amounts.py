"""How much a store keeps, and how much it forgets at once."""

KEPT_CHARACTERS = 20_000_000
"""Of one session. The newest output is kept whatever its size; tools keep no more than 10,000,000 themselves."""
PRUNED_TURNS = 20
"""In one transaction, which must not hold others up for long."""
