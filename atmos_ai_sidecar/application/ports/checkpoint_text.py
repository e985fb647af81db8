from typing import Any, Final, Protocol

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
"""Of a file that is imported."""


class CheckpointText(Protocol):
    """Turns texts of files into plain values and back. All of it blocks; run it in a thread."""

    def to_yaml(self, values: Any) -> str:
        """Values as YAML that every reader reads back as equal values."""

    def to_json(self, values: Any) -> str:
        """Values as indented JSON."""

    def from_text(self, content: bytes) -> Any:
        """The values of a JSON or YAML text.

        Raises:
            InvalidFieldError: It is neither, too large, too deep, or uses tags, anchors or aliases.
        """
