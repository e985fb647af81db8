"""Whether one file says anything about the assistant."""

from atmos_ai_sidecar.configuration.nodes import MapNode
from atmos_ai_sidecar.configuration.yaml_file import parse_map


def speaks_of_ai(text: str, file: str) -> bool:
    """Whether a configuration has a section ``ai``, at its top or under ``settings``, in whichever way it is written.

    Raises:
        ConfigurationInvalidError: The text cannot be used as configuration; the error names the line.
    """
    root = parse_map(text.removeprefix("\ufeff"), file)
    settings = root.get("settings")
    return root.get("ai") is not None or (isinstance(settings, MapNode) and settings.get("ai") is not None)
