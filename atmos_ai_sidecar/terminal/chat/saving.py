"""What of a session is stored, and `/save`, which stores it where nothing is stored by itself."""

from atmos_ai_sidecar.terminal.chat.conversation import Conversation
from atmos_ai_sidecar.terminal.render.palette import visible


async def saved(conversation: Conversation) -> str:
    """Stores the conversation's session as it is now, where that is needed, and says what came of it.

    Raises:
        SessionExistsError, EtagMismatchError, TurnInProgressError: It cannot be stored beside what is there.
    """
    workspace = conversation.workspace
    if workspace.drafts is not None:
        session = await workspace.drafts.save(conversation.session.id)
        return f"Saved {visible(session.name)} as it is now. What follows needs another /save."
    description = workspace.describe()
    if description.storage_problem:
        return f"{description.storage_problem} /export writes it to a file."
    if description.is_ephemeral:
        return "Sessions are switched off (ai.sessions.enabled is false): nothing can be stored."
    return "Everything in this session is stored already."


def is_stored(conversation: Conversation) -> bool:
    """Whether a later command finds what is said."""
    description = conversation.workspace.describe()
    return not (description.is_ephemeral or description.saves_on_request)
