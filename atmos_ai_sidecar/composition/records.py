"""What is kept for a user about a project and outside of it: remembered answers, and the seal of the audit trail."""

import getpass

from atmos_ai_sidecar.adapters.user_state import AuditSealFile, AuditSealInMemory, GrantsFile, state_directory
from atmos_ai_sidecar.application.audit import Audit
from atmos_ai_sidecar.application.grants import Grants
from atmos_ai_sidecar.application.ports.audit_log import AuditLog, SealStore
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.workspace import Run
from atmos_ai_sidecar.composition.project_keys import project_key
from atmos_ai_sidecar.configuration import Config
from atmos_ai_sidecar.configuration.settings import Storage
from atmos_ai_sidecar.domain.redaction import Redactor


def grants_of(run: Run, config: Config, clock: Clock) -> Grants:
    """The remembered answers of this user in this project."""
    store = GrantsFile(state_directory(run.environment), str(config.directory))
    return Grants(store, clock, user=_user())


def audit_of(run: Run, config: Config, log: AuditLog, clock: Clock, redactor: Redactor) -> Audit:
    """The audit trail of this user in this project; with sessions in memory it is there too."""
    seals: SealStore = AuditSealInMemory()
    if config.sessions.enabled:
        seals = AuditSealFile(state_directory(run.environment), str(config.directory), _place(config))
    return Audit(log, seals, clock, redact_json=redactor.redact_json)


def _place(config: Config) -> str:
    """What a chain is bound to. The address of a server is no part of it: it may move, and holds a password."""
    if config.sessions.storage is Storage.POSTGRES:
        return f"postgres {project_key(config)}"
    return f"{config.sessions.storage} {config.sessions.path}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user that has no name
        return ""
