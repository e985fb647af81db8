"""What is remembered for a user, per project and outside of it: trust, grants, what was typed, files from before."""

from atmos_ai_sidecar.adapters.user_state.file_changes import FileChangesFolder, FileChangesInMemory
from atmos_ai_sidecar.adapters.user_state.grants_file import GrantsFile
from atmos_ai_sidecar.adapters.user_state.input_history import InputHistoryFile
from atmos_ai_sidecar.adapters.user_state.state_directory import state_directory
from atmos_ai_sidecar.adapters.user_state.trust_file import TrustFile

__all__ = ["FileChangesFolder", "FileChangesInMemory", "GrantsFile", "InputHistoryFile", "TrustFile", "state_directory"]
