from typing import Any

import pytest

from atmos_ai_sidecar.domain.plans import summarise_plan


def plan(*changes: dict[str, Any], outputs: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"format_version": "1.2", "resource_changes": list(changes), "output_changes": outputs or {}}


def change(address: str, *actions: str, mode: str = "managed", **more: Any) -> dict[str, Any]:
    return {"address": address, "mode": mode, "change": {"actions": list(actions), "after": "secret", **more}}


def test_changes_are_counted_as_terraform_counts_them() -> None:
    summary = summarise_plan(
        plan(
            change("a", "create"),
            change("b", "update"),
            change("c", "delete"),
            change("d", "delete", "create"),
            change("e", "create", "delete"),
            change("f", "no-op", importing={"id": "x"}),
            change("g", "forget"),
            change("data.h", "read", mode="data"),
            outputs={"z": {"actions": ["update"]}, "y": {"actions": ["create"]}, "x": {"actions": ["no-op"]}},
        )
    )
    assert (summary.add, summary.change, summary.destroy, summary.imports) == (3, 1, 3, 1)
    assert summary.to_json() == {
        "add": 3,
        "change": 1,
        "destroy": 3,
        "import": 1,
        "resources": [
            {"address": "a", "action": "create"},
            {"address": "b", "action": "update"},
            {"address": "c", "action": "delete"},
            {"address": "d", "action": "replace"},
            {"address": "e", "action": "replace"},
            {"address": "g", "action": "forget"},
        ],
        "changed_outputs": ["y", "z"],
    }


def test_a_plan_without_changes_is_empty() -> None:
    summary = summarise_plan({"format_version": "1.0"})
    assert summary.to_json()["resources"] == []


def test_something_else_is_no_plan() -> None:
    with pytest.raises(ValueError, match="not a plan"):
        summarise_plan({"@level": "info"})
