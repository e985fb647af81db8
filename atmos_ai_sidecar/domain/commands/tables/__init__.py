"""What programs do with which arguments: data only, one module for each family."""

from collections.abc import Mapping

from atmos_ai_sidecar.domain.commands.specs import Spec
from atmos_ai_sidecar.domain.commands.tables.atmos import ATMOS
from atmos_ai_sidecar.domain.commands.tables.clouds import CLOUDS
from atmos_ai_sidecar.domain.commands.tables.files import FILES
from atmos_ai_sidecar.domain.commands.tables.git import GIT
from atmos_ai_sidecar.domain.commands.tables.kubernetes import KUBERNETES
from atmos_ai_sidecar.domain.commands.tables.shell import SHELL
from atmos_ai_sidecar.domain.commands.tables.terraform import TERRAFORM

PROGRAMS: Mapping[str, Spec] = {**SHELL, **FILES, **GIT, **KUBERNETES, **CLOUDS, **TERRAFORM, **ATMOS}
"""By name. A program that is not here is unknown."""
