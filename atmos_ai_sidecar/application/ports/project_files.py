from typing import Protocol

from atmos_ai_sidecar.domain.attachments import Attachments, Selection


class ProjectFiles(Protocol):
    """Reads files of the project for a question: no secrets, nothing outside, nothing that Git ignores."""

    async def attach(self, selection: Selection) -> Attachments:
        """The text files that are wanted, in the order of their paths, within the limits of ``domain.attachments``.

        Whatever is left out is remarked on, also a glob that nothing matches.

        Raises:
            OptionInvalidError: A glob leads outside the project.
            ToolExecutionFailedError: The files could not be searched.
        """
