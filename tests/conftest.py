"""No test may leave this machine: the interpreter refuses the connection, and the test fails with it."""

import ipaddress
import signal
import socket
import sys
from collections.abc import Generator
from typing import Any

import pytest
from coverage import Coverage

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

_ABOUT_PROCESSES = {"conformance", "e2e", "faults"}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Tests that drive whole processes run unmeasured: what they try runs elsewhere, and tracing doubles the rest."""
    measured = Coverage.current()
    if measured is None or item.path.relative_to(item.config.rootpath).parts[1] not in _ABOUT_PROCESSES:
        return (yield)
    measured.stop()
    try:
        return (yield)
    finally:
        measured.start()
