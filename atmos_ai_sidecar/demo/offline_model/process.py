"""Runs the offline model as a process of its own, for callers without an event loop."""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

PACKAGES = Path(__file__).parents[3]
START = (
    "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); "
    "runpy.run_module('atmos_ai_sidecar.demo.offline_model', run_name='__main__', alter_sys=True)"
)
"""`-m` with this very copy of the package first: under `-I` an uninstalled one could not be found."""


class OfflineModelProcess:
    """A running offline model in another process."""

    def __init__(self, url: str, pid: int) -> None:
        self.url = url
        """What `ANTHROPIC_BASE_URL` has to be."""

        self.pid = pid

    def requests(self) -> list[dict[str, Any]]:
        """Return every request so far: method, path, headers, json, is_complete."""
        received: list[dict[str, Any]] = self._ask("GET", "/offline/requests", None)
        return received

    def add_answers(self, *answers: Any) -> None:
        """Append answers to the script, in the JSON form of `answer_from_json`."""
        self._ask("POST", "/offline/answers", answers)

    def open_gate(self, name: str) -> None:
        """Let go on what waits for this gate."""
        self._ask("POST", f"/offline/gates/{quote(name, safe='')}", {})

    def _ask(self, method: str, path: str, body: Any) -> Any:
        connection = http.client.HTTPConnection(str(urlsplit(self.url).netloc), timeout=5)
        try:
            connection.request(method, path, json.dumps(body), {"content-type": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status != 200:  # noqa: PLR2004 - OK
            raise ValueError(f"the offline model refused {method} {path} with {answer.status}: {text}")
        return json.loads(text)


@contextmanager
def start_offline_model(
    script: Path | None = None, *, piece_delay_seconds: float = 0.0
) -> Iterator[OfflineModelProcess]:
    """Run the offline model until the block ends, or until this process is gone, however it ended.

    Args:
        script: A file for `Script.from_json`; left out, the rules answer.
        piece_delay_seconds: The pause after each piece of a stream.
    """
    command = [sys.executable, "-I", "-c", START, str(PACKAGES), "--piece-delay", str(piece_delay_seconds)]
    if script is not None:
        command += ["--script", str(script)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdin is not None  # noqa: S101 - asked for above
        assert process.stdout is not None  # noqa: S101 - asked for above
        url = process.stdout.readline().strip()
        if not url:
            raise ChildProcessError(f"the offline model did not start: exit code {process.wait()}, see its stderr")
        try:
            yield OfflineModelProcess(url, process.pid)
        finally:
            process.stdin.close()
