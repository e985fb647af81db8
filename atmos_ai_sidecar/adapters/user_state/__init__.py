"""What is remembered for a user, per project and outside of it: trust and grants."""

from atmos_ai_sidecar.adapters.user_state.grants_file import GrantsFile
from atmos_ai_sidecar.adapters.user_state.state_directory import state_directory
from atmos_ai_sidecar.adapters.user_state.trust_file import TrustFile

__all__ = ["GrantsFile", "TrustFile", "state_directory"]
