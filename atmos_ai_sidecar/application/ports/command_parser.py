from typing import Protocol

from atmos_ai_sidecar.domain.commands import SyntaxTree


class CommandParser(Protocol):
    """Reads command lines as bash does. ``parse`` fits wherever the domain wants a ``Parse``."""

    def parse(self, text: str) -> SyntaxTree:
        """The tree of a command line, with every character covered by a token or blank.

        Never raises: what cannot be read becomes error nodes. Safe under threads.
        """
