"""The folders that a project keeps its stacks and components in, as far as its files say so themselves."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from atmos_ai_sidecar.configuration.nodes import MapNode, Scalar

_FOLDERS = {
    "stacks": ("stacks.base_path", "ATMOS_STACKS_BASE_PATH", "stacks"),
    "terraform": ("components.terraform.base_path", "ATMOS_COMPONENTS_TERRAFORM_BASE_PATH", "components/terraform"),
    "helmfile": ("components.helmfile.base_path", "ATMOS_COMPONENTS_HELMFILE_BASE_PATH", "components/helmfile"),
    "packer": ("components.packer.base_path", "ATMOS_COMPONENTS_PACKER_BASE_PATH", "components/packer"),
    "workflows": ("workflows.base_path", "ATMOS_WORKFLOWS_BASE_PATH", "stacks/workflows"),
}
"""Dotted path, environment variable over it, and what Atmos takes without either."""


def folders_of(root: MapNode, base_path: Path, environment: Mapping[str, str]) -> Mapping[str, Path]:
    """Stacks, workflows and each kind of component with its folder, absolute; it need not exist."""
    found = {
        name: (base_path / (environment.get(variable) or _written(root, path) or default)).resolve()
        for name, (path, variable, default) in _FOLDERS.items()
    }
    return MappingProxyType(found)


def _written(root: MapNode, path: str) -> str:
    *sections, name = path.split(".")
    node: MapNode | None = root
    for section in sections:
        below = node.get(section) if node else None
        node = below if isinstance(below, MapNode) else None
    value = node.get(name) if node else None
    return value.text if isinstance(value, Scalar) and not value.tag else ""
