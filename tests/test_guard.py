import socket

import pytest

from tests.conftest import LeftLoopbackError


def test_connection_to_another_machine_is_refused_before_it_is_made() -> None:
    with socket.socket() as connection, pytest.raises(LeftLoopbackError):
        connection.connect(("192.0.2.1", 9))
