"""What a terraform plan would do, read from terraform's own JSON (format 1.x of `terraform show -json`)."""

from collections.abc import Mapping, Sequence
from typing import Any

from atmos_ai_sidecar.lazy_dataclasses import dataclass

_ACTIONS: Mapping[tuple[str, ...], str] = {
    ("create",): "create",
    ("update",): "update",
    ("delete",): "delete",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
    ("forget",): "forget",
    ("create", "forget"): "replace",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    address: str
    action: str
    """create, update, delete, replace or forget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSummary:
    """The changes of a plan, without any value, so without any secret."""

    changes: Sequence[PlannedChange]
    imports: int = 0
    changed_outputs: Sequence[str] = ()

    @property
    def add(self) -> int:
        """As terraform counts: a replacement adds one and destroys one."""
        return self._count("create") + self._count("replace")

    @property
    def change(self) -> int:
        return self._count("update")

    @property
    def destroy(self) -> int:
        return self._count("delete") + self._count("replace")

    def _count(self, action: str) -> int:
        return sum(change.action == action for change in self.changes)

    def to_json(self) -> dict[str, Any]:
        return {
            "add": self.add,
            "change": self.change,
            "destroy": self.destroy,
            "import": self.imports,
            "resources": [{"address": change.address, "action": change.action} for change in self.changes],
            "changed_outputs": list(self.changed_outputs),
        }


def summarise_plan(plan: Mapping[str, Any]) -> PlanSummary:
    """The summary of a plan.

    Raises:
        ValueError: This is no plan in terraform's JSON.
    """
    if not str(plan.get("format_version", "")).startswith("1."):
        message = f"not a plan of format 1.x: {plan.get('format_version')!r}"
        raise ValueError(message)
    changes, imports = [], 0
    for resource in plan.get("resource_changes", ()):
        change = resource["change"]
        imports += "importing" in change
        action = _ACTIONS.get(tuple(change["actions"]))
        if action and resource.get("mode") != "data":
            changes.append(PlannedChange(address=resource["address"], action=action))
    outputs = plan.get("output_changes", {})
    changed = sorted(name for name, change in outputs.items() if change["actions"] != ["no-op"])
    return PlanSummary(changes=tuple(changes), imports=imports, changed_outputs=tuple(changed))
