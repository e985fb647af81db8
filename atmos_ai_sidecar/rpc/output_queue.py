"""What a running tool printed, on its way to a client that may be slow."""

import asyncio
from collections import deque
from typing import Final

from atmos_ai_sidecar.domain.tools import OutputPiece

MAX_PIECE_CHARACTERS: Final = 16 * 1024
"""At most 64 KiB of UTF-8."""
MAX_WAITING_CHARACTERS: Final = 1024 * 1024
_LEFT_OUT: Final = "\n[… {count} characters left out: the client reads too slowly …]\n"


class OutputQueue:
    """Takes output without ever blocking the tool, and holds at most 1 Mi characters of it.

    What comes while it is full is left out, and a piece that says so stands in its place.
    """

    def __init__(self) -> None:
        self._pieces: deque[OutputPiece] = deque()
        self._waiting = 0
        self._left_out = 0
        self._changed = asyncio.Event()
        self._is_closed = False

    def put(self, piece: OutputPiece) -> None:
        """Takes a piece; neighbours of one stream are joined and long ones split."""
        if self._left_out or self._waiting + len(piece.text) > MAX_WAITING_CHARACTERS:
            self._left_out += len(piece.text)
        else:
            for start in range(0, len(piece.text), MAX_PIECE_CHARACTERS):
                self._add(OutputPiece(stream=piece.stream, text=piece.text[start : start + MAX_PIECE_CHARACTERS]))
        self._changed.set()

    def close(self) -> None:
        """Nothing comes any more."""
        self._is_closed = True
        self._changed.set()

    async def take(self) -> OutputPiece | None:
        """The next piece, or None at the end."""
        while not self._pieces and not self._left_out:
            if self._is_closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        if not self._pieces:
            count, self._left_out = self._left_out, 0
            return OutputPiece(stream="stderr", text=_LEFT_OUT.format(count=count))
        piece = self._pieces.popleft()
        self._waiting -= len(piece.text)
        return piece

    def _add(self, piece: OutputPiece) -> None:
        self._waiting += len(piece.text)
        last = self._pieces[-1] if self._pieces else None
        if last and last.stream == piece.stream and len(last.text) + len(piece.text) <= MAX_PIECE_CHARACTERS:
            self._pieces[-1] = OutputPiece(stream=last.stream, text=last.text + piece.text)
        else:
            self._pieces.append(piece)
