from typing import Protocol


class FileRestorer(Protocol):
    """Puts files back. Takes resolved paths and follows no links; the calls block."""

    def digest(self, path: str) -> str:
        """The SHA-256 of a file's content; empty when there is no file.

        Raises:
            ToolExecutionFailedError: It is no regular file or cannot be read.
        """

    def restore(self, path: str, content: bytes | None, *, mode: int, expected: str) -> None:
        """Gives a file the content and mode that it had; None removes it.

        Raises:
            ToolExecutionFailedError: Its digest is not ``expected`` any more, or it cannot be written.
        """

    def shown(self, path: str) -> str:
        """The path for people."""
