from typing import Any

import pytest

from atmos_ai_sidecar.adapters.local_tools.output_tool import read_tool_output
from atmos_ai_sidecar.domain.tools import Execution
from atmos_ai_sidecar.errors import InvalidFieldError, ToolExecutionFailedError
from tests.fakes.tool_outputs import FakeToolOutputs

OUTPUTS = FakeToolOutputs(kept={("session-1", "call-1"): ("atmos_list_stacks", "0123456789")})


async def read(session: str = "session-1", **values: Any) -> str:
    execution = Execution(tool_call_id="call-2", session_id=session, emit=lambda _piece: None)
    return (await read_tool_output(OUTPUTS).execute(values, execution)).output


async def test_a_piece_says_where_it_is_from_and_how_to_go_on() -> None:
    assert await read(call="call-1", offset=2, limit=3) == (
        "234\n(characters 2 to 5 of 10, printed by atmos_list_stacks; go on with offset 5)"
    )
    assert (await read(call="call-1")).endswith("(characters 0 to 10 of 10, printed by atmos_list_stacks)")


async def test_another_session_reads_nothing_of_it() -> None:
    with pytest.raises(ToolExecutionFailedError, match="No output of the call call-1"):
        await read(session="session-2", call="call-1")


@pytest.mark.parametrize("values", [{"offset": -1}, {"limit": 0}, {"offset": 10}])
async def test_a_piece_that_cannot_be_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidFieldError):
        await read(call="call-1", **values)
