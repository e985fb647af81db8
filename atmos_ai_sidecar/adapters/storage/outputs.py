"""How much of what tools printed a store keeps."""

KEPT_CHARACTERS = 20_000_000
"""Of one session. The newest output is kept whatever its size; tools keep no more than 10,000,000 themselves."""
