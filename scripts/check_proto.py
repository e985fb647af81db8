"""Checks that the committed generated code is fresh and that the contract breaks nobody.

The contract is compared with the one of the newest release tag, or of the parent of HEAD before the first release.
"""

import filecmp
import subprocess
import sys
import tempfile
from pathlib import Path

from generate_proto import ROOT, generate

GENERATED = ("atmos_ai_sidecar/v1", "go-shim/gen/atmos_ai_sidecar/v1")


def stale_files() -> list[str]:
    """Generated files that differ from a fresh generation."""
    with tempfile.TemporaryDirectory() as directory:
        generate(Path(directory))
        stale: list[str] = []
        for folder in GENERATED:
            fresh, committed = Path(directory, folder), ROOT / folder
            names = {
                path.name for path in (*fresh.iterdir(), *committed.iterdir()) if path.suffix in {".py", ".pyi", ".go"}
            }
            names.discard("__init__.py")
            _, different, missing = filecmp.cmpfiles(fresh, committed, sorted(names), shallow=False)
            stale += [f"{folder}/{name}" for name in (*different, *missing)]
        return stale


def git(*arguments: str) -> str:
    """The output of git, or nothing where it fails."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def main() -> int:
    stale = stale_files()
    if stale:
        sys.stderr.write(f"Generated code is stale, run `make proto`: {', '.join(stale)}\n")
        return 1
    base = git("describe", "--tags", "--abbrev=0") or git("rev-parse", "--verify", "HEAD~1")
    if not base or not git("ls-tree", base, "proto/"):
        sys.stdout.write("There is no earlier contract to compare with.\n")
        return 0
    buf = Path(sys.prefix, "bin", "buf")
    return subprocess.run([buf, "breaking", "--against", f".git#ref={base}"], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
