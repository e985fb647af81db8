"""Sessions of Atmos' own assistant, read from its database and never written."""

from atmos_ai_sidecar.adapters.atmos_sessions.database import AtmosSessions

__all__ = ["AtmosSessions"]
