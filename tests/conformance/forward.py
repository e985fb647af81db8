"""What the suite runs for each scenario: hands the URL to the process with the client in it, and ends as that says.

A client of its own for each scenario would import the SDK each time. Run as a script; standard library only.
"""

import socket
import sys

with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(sys.argv[1])
    connection.sendall(sys.argv[-1].encode() + b"\n")
    sys.exit(int(connection.recv(16) or b"1"))
