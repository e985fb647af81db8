"""Writes the contract as a descriptor set, imports and comments included: `python scripts/descriptor_set.py FILE`."""

import subprocess
import sys
from pathlib import Path

PROTO = Path(__file__).parent.parent / "proto"


def write(file: Path) -> None:
    """Writes what `grpcurl -protoset` and most languages read; the same bytes for the same contract."""
    file.parent.mkdir(parents=True, exist_ok=True)
    sources = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    command = (sys.executable, "-m", "grpc_tools.protoc", "--include_imports", "--include_source_info")
    subprocess.run([*command, f"--descriptor_set_out={file.absolute()}", "-I.", *sources], cwd=PROTO, check=True)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
