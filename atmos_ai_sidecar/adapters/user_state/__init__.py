"""What is remembered for a user, per project and outside of it: trust, grants, seals, texts, files from before."""

from atmos_ai_sidecar.adapters.user_state.audit_seal import AuditSealFile, AuditSealInMemory
from atmos_ai_sidecar.adapters.user_state.file_changes import FileChangesFolder, FileChangesInMemory
from atmos_ai_sidecar.adapters.user_state.grants_file import GrantsFile
from atmos_ai_sidecar.adapters.user_state.input_history import InputHistoryFile
from atmos_ai_sidecar.adapters.user_state.state_directory import make_private, state_directory
from atmos_ai_sidecar.adapters.user_state.tool_pins_file import ToolPinsFile
from atmos_ai_sidecar.adapters.user_state.trust_file import TrustFile
from atmos_ai_sidecar.adapters.user_state.unsent_texts import UnsentTextsFolder

__all__ = [
    "AuditSealFile",
    "AuditSealInMemory",
    "FileChangesFolder",
    "FileChangesInMemory",
    "GrantsFile",
    "InputHistoryFile",
    "ToolPinsFile",
    "TrustFile",
    "UnsentTextsFolder",
    "make_private",
    "state_directory",
]
