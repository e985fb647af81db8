from dataclasses import dataclass, field

from atmos_ai_sidecar.application.ports.tool_outputs import OutputPage
from atmos_ai_sidecar.errors import SidecarError


@dataclass
class FakeToolOutputs:
    failure: SidecarError | None = None
    kept: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)

    async def save_output(self, session_id: str, tool_call_id: str, *, tool: str, text: str) -> None:
        if self.failure is not None:
            raise self.failure
        self.kept[session_id, tool_call_id] = tool, text

    async def read_output(self, session_id: str, tool_call_id: str, *, offset: int, limit: int) -> OutputPage | None:
        if (session_id, tool_call_id) not in self.kept:
            return None
        tool, text = self.kept[session_id, tool_call_id]
        return OutputPage(tool=tool, text=text[offset : offset + limit], total=len(text))
