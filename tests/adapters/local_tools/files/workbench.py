"""The file tools on a real project folder, called as the executor calls them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.local_tools.files import FileTools, file_tools
from atmos_ai_sidecar.adapters.local_tools.program_runner import WardenedRunner
from atmos_ai_sidecar.adapters.user_state import FileChangesInMemory
from atmos_ai_sidecar.application.undo import Undo
from atmos_ai_sidecar.composition.own_settings import own_settings
from atmos_ai_sidecar.domain.paths import Territory
from atmos_ai_sidecar.domain.tools import Demand, Execution, Preview, Result, Tool
from atmos_ai_sidecar.errors import SidecarError

VPC = "components:\n  terraform:\n    vpc:\n      vars:\n        cidr_block: 10.0.0.0/16\n        team: platform\n"


@dataclass
class Workbench:
    folder: Path
    """The project's folder; what is beside it is outside."""
    changes: FileChangesInMemory = field(default_factory=FileChangesInMemory)
    files: FileTools = field(init=False)
    turn: str = "turn-1"

    def __post_init__(self) -> None:
        self.write("stacks/catalog/vpc.yaml", VPC)
        self.write("atmos.yaml", "base_path: .\nai:\n  enabled: true\nlogs:\n  level: Info\n")
        self.files = file_tools(
            Territory(directory=str(self.folder), roots=(str(self.folder),), hidden=(str(self.folder / "state"),)),
            own_settings=own_settings,
            changes=self.changes,
            runner=WardenedRunner(clock=SystemClock()),
            umask=0o022,
        )

    @property
    def undo(self) -> Undo:
        return Undo(self.changes, self.files.restorer)

    def write(self, path: str, content: str | bytes) -> Path:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        return target

    def text(self, path: str) -> str:
        return (self.folder / path).read_bytes().decode()

    def tool(self, name: str) -> Tool:
        return next(tool for tool in self.files.tools if tool.name == f"file_{name}")

    def demand(self, name: str, **values: Any) -> Demand:
        return self.tool(name).demand(values)

    def preview(self, name: str, **values: Any) -> Preview:
        preview = self.tool(name).preview
        assert preview is not None
        return preview(values, "session-1")

    async def run(self, name: str, *, target: str | None = None, session: str = "session-1", **values: Any) -> Result:
        """The result of a call; an error is the failed result that the executor makes of it."""
        tool = self.tool(name)
        execution = Execution(
            tool_call_id="call-1",
            session_id=session,
            turn_id=self.turn,
            target=tool.demand(values).target if target is None else target,
            emit=lambda _piece: None,
        )
        try:
            return await tool.execute(values, execution)
        except SidecarError as error:
            return Result(success=False, output=str(error), error=error.message, reason=error.reason)

    async def out(self, name: str, **values: Any) -> str:
        """The output of a call that succeeds."""
        result = await self.run(name, **values)
        assert result.success, result.output
        return result.output

    async def refusal(self, name: str, **values: Any) -> str:
        """What a call that fails is told."""
        result = await self.run(name, **values)
        assert not result.success, result.output
        return result.output
