from collections.abc import Mapping
from pathlib import Path

from atmos_ai_sidecar.adapters.user_state.json_file import JsonFile
from atmos_ai_sidecar.adapters.user_state.state_directory import project_folder


class ToolPinsFile:
    """How the tools of MCP servers were described: ``mcp-tools.json`` per project in the user's state directory."""

    def __init__(self, state: Path, project: str) -> None:
        self._file = JsonFile(project_folder(state, project) / "mcp-tools.json", state)

    def first_seen(self, server: str, hashes: Mapping[str, str]) -> Mapping[str, str]:
        """The pinned hashes of a server's tools by name; those that are new are pinned as they are.

        Raises:
            StorageCorruptError: The file is not ours or broken; it is left alone.
            StorageUnavailableError, StorageBusyError: It cannot be read or written.
        """
        known = self._read().get(server, {})
        if set(hashes) <= set(known):
            return known
        with self._file.locked():
            servers = self._read()
            pinned = {**hashes, **servers.get(server, {})}
            self._file.write({"servers": {**servers, server: pinned}})
        return pinned

    def pin(self, server: str, tool: str, description_hash: str) -> None:
        """Pins one tool as it is described now; raises as ``first_seen``."""
        with self._file.locked():
            servers = self._read()
            pinned = {**servers.get(server, {}), tool: description_hash}
            self._file.write({"servers": {**servers, server: pinned}})

    def _read(self) -> dict[str, dict[str, str]]:
        values = self._file.read() or {"servers": {}}
        servers = values.get("servers")
        if not isinstance(servers, dict) or not all(isinstance(tools, dict) for tools in servers.values()):
            raise self._file.corrupt("it is not as this program writes it")
        return {
            str(server): {str(tool): str(pinned) for tool, pinned in tools.items()} for server, tools in servers.items()
        }
