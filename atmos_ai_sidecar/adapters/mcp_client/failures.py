"""How a server fails; it stays within this package, tools tell it in their results."""


class LostError(Exception):
    """The server cannot be reached, or the connection ended before an answer came."""


class AnsweredError(Exception):
    """The server answered that it will not, or answered nonsense."""
