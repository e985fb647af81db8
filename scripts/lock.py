"""Writes requirements/*.txt from pyproject.toml, with hashes and without any index."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCKS = {
    "runtime": ["pyproject.toml"],
    "dev": ["pyproject.toml", "--extra", "dev", "--constraint", "requirements/runtime.txt"],
    "build": ["requirements/build.in"],
    "go": ["requirements/go.in"],
}
OPTIONS = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate", "--quiet"]


def main() -> None:
    for name, sources in LOCKS.items():
        output = ["--output-file", f"requirements/{name}.txt"]
        subprocess.run(
            [sys.executable, "-m", "uv", "pip", "compile", *sources, *OPTIONS, *output], cwd=ROOT, check=True
        )


if __name__ == "__main__":
    main()
