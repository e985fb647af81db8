"""No test may leave this machine: the interpreter refuses the connection, and the test fails with it."""

import ipaddress
import signal
import socket
import sys
from typing import Any

_FAMILIES = (socket.AF_INET, socket.AF_INET6)


class LeftLoopbackError(AssertionError):
    """A test tried to reach another machine."""


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in {"socket.connect", "socket.sendto"}:
        return
    family, address = arguments[0].family, arguments[-1]
    if family in _FAMILIES and not ipaddress.ip_address(address[0]).is_loopback:
        message = f"{event} to {address[0]}"
        raise LeftLoopbackError(message)


sys.addaudithook(_guard)

# Behind nohup or `&` of a script these are ignored, also by every process that a test starts and signals.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
