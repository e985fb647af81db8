"""Atmos' own tools, behind our permissions, through one `atmos mcp start` that is kept running."""

from atmos_ai_sidecar.adapters.atmos_mcp.kept_atmos import AtmosPlace, KeptAtmos
from atmos_ai_sidecar.adapters.atmos_mcp.tools import AtmosMcpTools, Ground

__all__ = ["AtmosMcpTools", "AtmosPlace", "Ground", "KeptAtmos"]
