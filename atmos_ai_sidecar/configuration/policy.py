"""The organisation's rules, in a file that the person who runs the assistant cannot change."""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from atmos_ai_sidecar.configuration.nodes import ListNode, MapNode, Node, empty_map, is_empty
from atmos_ai_sidecar.configuration.reader import Reading, Section, wrong_type
from atmos_ai_sidecar.configuration.rules import Rules, read_rules
from atmos_ai_sidecar.configuration.yaml_file import decoded, parse, read_bytes
from atmos_ai_sidecar.errors import ConfigurationInvalidError

MANAGED_FILE = Path("/etc/atmos-ai/policy.yaml")
POLICY_VARIABLE = "ATMOS_AI_POLICY"

_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def read_policy(
    environment: Mapping[str, str], directory: Path, *, managed_file: Path = MANAGED_FILE, administrator: int = 0
) -> Rules:
    """The rules of the managed policy file, and of the one that the environment names as well.

    Args:
        environment: Of the caller; it can add a policy and take none away.
        directory: The project's folder, to which paths in rules are relative.
        managed_file: Where the machine's policy is, when it has one.
        administrator: The user who may own it.

    Raises:
        ConfigurationInvalidError: A file does not belong to the administrator alone, cannot be read, or says
            something that is not understood: nothing starts without the rules that were meant to hold.
    """
    found = [_read(path, directory, administrator) for path in _files(environment, managed_file)]
    return Rules(
        rules=tuple(rule for each in found for rule in each.rules),
        examples=tuple(example for each in found for example in each.examples),
    )


def _files(environment: Mapping[str, str], managed_file: Path) -> Iterator[Path]:
    if os.path.lexists(managed_file):
        yield managed_file
    named = environment.get(POLICY_VARIABLE, "")
    if named and not Path(named).is_absolute():
        raise ConfigurationInvalidError(
            f"{POLICY_VARIABLE} must be an absolute path.", file=named, remedy="Write it from the root on, or unset it."
        )
    if named and Path(named) != managed_file:
        yield Path(named)


def _read(path: Path, directory: Path, administrator: int) -> Rules:
    real = Path(os.path.realpath(path))
    for place in dict.fromkeys((real, *real.parents, *path.parents)):
        _require_of_administrator(path, place, administrator)
    root = parse(decoded(read_bytes(real), path), str(path))
    if isinstance(root, ListNode):
        return read_rules(root, "policy", directory, is_managed=True)
    section = _section(root, Reading(directory=directory))
    return read_rules(section.node.get("rules") if section.node else None, "rules", directory, is_managed=True)


def _section(root: Node, reading: Reading) -> Section:
    """The section with the rules: the file's own, or the one that atmos.yaml would have."""
    if is_empty(root):
        root = empty_map(root.origin)
    if not isinstance(root, MapNode):
        raise wrong_type(root, "policy", "a list of rules, or `rules:` with one")
    if root.get("ai") is None:
        return Section(root, "policy", reading).only("rules")
    ai = Section(root, "policy", reading).only("ai").section("ai").only("permissions")
    return ai.section("permissions").only("rules")


def _require_of_administrator(path: Path, place: Path, administrator: int) -> None:
    """Returns when nobody but the administrator can change what is at a place, a file or a folder on the way to it."""
    try:
        status = place.stat()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigurationInvalidError(f"The policy cannot be read: {reason}.", file=str(path)) from error
    shared = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
    may_write = os.geteuid() != administrator and not shared and os.access(place, os.W_OK)
    if status.st_uid not in {0, administrator} or may_write or (status.st_mode & _OTHERS_MAY_WRITE and not shared):
        is_owned = status.st_uid in {0, administrator}
        whose = "can be changed by others" if is_owned else "does not belong to the administrator"
        raise ConfigurationInvalidError(
            f"This policy is not obeyed, because {place} {whose}.",
            file=str(path),
            remedy=f"Let root own it with mode 0644, and the folders above it; or unset {POLICY_VARIABLE}.",
        )
