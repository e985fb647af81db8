from atmos_ai_sidecar.adapters.storage.values import to_text


def column_text(text: str) -> str:
    """The text as a column can hold it: PostgreSQL has no NUL, so it becomes the replacement character."""
    return to_text(text).replace("\x00", "\ufffd")
