"""The commands about what may run, what is remembered and what was written down."""

import click

from atmos_ai_sidecar.terminal.commands.permissions.answering import answer
from atmos_ai_sidecar.terminal.commands.permissions.auditing import audit
from atmos_ai_sidecar.terminal.commands.permissions.explain import explain
from atmos_ai_sidecar.terminal.commands.permissions.grants import add, revoke
from atmos_ai_sidecar.terminal.commands.permissions.listing import list_rules
from atmos_ai_sidecar.terminal.commands.permissions.replay import test_rules
from atmos_ai_sidecar.terminal.commands.tree import Group

__all__ = ["permissions"]


@click.group("permissions", cls=Group)
def permissions() -> None:
    """See what may run, and why; remember and take back; answer questions; read the audit trail."""


for _command in (list_rules, add, revoke, explain, test_rules, answer, audit):
    permissions.add_command(_command)
