"""Plausible token counts, with a prompt cache that hits exactly when a prefix was sent before."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from atmos_ai_sidecar.demo.offline_model.history_rules import blocks_of
from atmos_ai_sidecar.demo.offline_model.replies import Usage

CHARACTERS_PER_TOKEN = 4
LOOK_BACK = 20
"""Blocks before a cache point at which the API still looks for an earlier entry (its prompt caching guide)."""


def count_tokens(text: str) -> int:
    """Return a plausible number of tokens: never 0 for a text that says something."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


class PromptCache:
    """Remembers the prefixes of earlier requests up to their cache points.

    Unlike the real one it has no minimum length and forgets nothing, so that small tests see reads and writes.
    """

    def __init__(self) -> None:
        self._known: set[str] = set()

    def count(self, request: Mapping[str, Any], output: str) -> Usage:
        """Count one request and its answer, and remember the request's cache points."""
        digest, total = hashlib.sha256(str(request.get("model")).encode()), 0
        prefixes: list[tuple[str, int]] = []
        points: list[int] = []
        for index, block in enumerate(_blocks(request)):
            plain = json.dumps({name: value for name, value in block.items() if name != "cache_control"})
            digest.update(plain.encode() + b"\n")
            total += count_tokens(plain)
            prefixes.append((digest.hexdigest(), total))
            if block.get("cache_control"):
                points.append(index)
        if request.get("cache_control") and prefixes:
            points.append(len(prefixes) - 1)
        read = max((self._longest(prefixes[max(0, at - LOOK_BACK) : at + 1]) for at in points), default=0)
        written = prefixes[points[-1]][1] - read if points else 0
        self._known.update(prefixes[at][0] for at in points)
        return Usage(
            input_tokens=total - read - written,
            output_tokens=count_tokens(output),
            cache_read_input_tokens=read,
            cache_creation_input_tokens=written,
        )

    def _longest(self, prefixes: list[tuple[str, int]]) -> int:
        return max((tokens for key, tokens in prefixes if key in self._known), default=0)


def _blocks(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the prompt in the order in which it is built. Keys keep their order: the cache compares bytes."""
    yield from request.get("tools", [])
    yield from blocks_of(request.get("system", []))
    for message in request["messages"]:
        for block in blocks_of(message["content"]):
            yield {"role": message["role"], **block}
