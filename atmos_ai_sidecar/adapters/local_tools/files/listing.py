"""The files of a project as people name them."""

import itertools
from collections.abc import Sequence

from atmos_ai_sidecar.domain.paths import Territory

MOST = 20_000


def project_files(territory: Territory) -> Sequence[str]:
    """The paths of files that Git does not ignore, relative to the project; of a huge project the first ones."""
    # Patterns are slow to import, and only who completes a path needs them.
    from atmos_ai_sidecar.adapters.local_tools.files.walking import walked  # noqa: PLC0415

    directory = territory.directory
    root = next((root for root in territory.roots if directory.startswith(f"{root}/")), directory)
    found = walked(directory, root=root, hidden=(*territory.hidden, *territory.own))
    return [each.path[len(directory) + 1 :] for each in itertools.islice(found, MOST)]
