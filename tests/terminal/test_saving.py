"""`/save` and `/model` on a real workspace."""

import pytest

from atmos_ai_sidecar.errors import EtagMismatchError
from atmos_ai_sidecar.terminal.chat.conversation import Conversation
from atmos_ai_sidecar.terminal.chat.saving import saved
from tests.composition.test_workspaces import Process, process
from tests.contracts.drafts import user

__all__ = ["process"]


@pytest.mark.parametrize(
    ("sessions", "words", "names"),
    [
        ("auto_save: false", "Saved plan as it is now", ["plan"]),
        ("auto_save: true", "stored already", ["plan"]),
        ("enabled: false", "switched off", []),
    ],
)
async def test_saving_says_what_came_of_it(process: Process, sessions: str, words: str, names: list[str]) -> None:
    process.configure(sessions)
    async with process.open() as workspace:
        conversation = await Conversation.begin(workspace, name="plan")
        assert words in await saved(conversation)
    assert await process.stored() == names


async def test_what_somebody_else_stored_is_not_overwritten(process: Process) -> None:
    process.configure("auto_save: false")
    async with process.open() as workspace:
        conversation = await Conversation.begin(workspace, name="plan")
        await saved(conversation)
        assert workspace.drafts is not None
        theirs = await workspace.drafts.kept.get_session_by_name(str(process.directory), "plan")
        await workspace.drafts.kept.append_messages(theirs.id, (user("theirs"),))
        with pytest.raises(EtagMismatchError):
            await saved(conversation)
