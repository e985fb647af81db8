"""Generates the Python and Go code of the contract into a directory: `python scripts/generate_proto.py DIRECTORY`."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLUGINS = ("google.golang.org/protobuf/cmd/protoc-gen-go", "google.golang.org/grpc/cmd/protoc-gen-go-grpc")


def generate(directory: Path) -> None:
    """Writes atmos_ai_sidecar/v1 and go-shim/gen below ``directory``."""
    go = Path(sys.prefix, "bin", "go-for-shim")
    plugins = ROOT / ".make" / "bin"
    plugins.mkdir(parents=True, exist_ok=True)
    subprocess.run([go, "build", "-o", f"{plugins}/", *PLUGINS], cwd=ROOT / "go-shim", check=True)
    go_directory = directory / "go-shim" / "gen"
    go_directory.mkdir(parents=True, exist_ok=True)
    arguments = [
        f"-I{ROOT / 'proto'}",
        f"--python_out={directory}",
        f"--pyi_out={directory}",
        f"--grpc_python_out={directory}",
        f"--plugin=protoc-gen-go={plugins / 'protoc-gen-go'}",
        f"--plugin=protoc-gen-go-grpc={plugins / 'protoc-gen-go-grpc'}",
        f"--go_out={go_directory}",
        "--go_opt=paths=source_relative",
        f"--go-grpc_out={go_directory}",
        "--go-grpc_opt=paths=source_relative",
        *(str(path) for path in sorted((ROOT / "proto").rglob("*.proto"))),
    ]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *arguments], check=True)


if __name__ == "__main__":
    generate(Path(sys.argv[1]).resolve())
