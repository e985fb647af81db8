"""What a command line would do, decided from its syntax tree and from tables."""

from atmos_ai_sidecar.domain.commands.assessment import Assessment, SimpleCommand, assess, assess_argv
from atmos_ai_sidecar.domain.commands.demands import demand_of, execution_class_of
from atmos_ai_sidecar.domain.commands.paths import paths_of
from atmos_ai_sidecar.domain.commands.specs import strictest
from atmos_ai_sidecar.domain.commands.tree import MAX_NESTING, Parse, SyntaxTree

__all__ = [
    "MAX_NESTING",
    "Assessment",
    "Parse",
    "SimpleCommand",
    "SyntaxTree",
    "assess",
    "assess_argv",
    "demand_of",
    "execution_class_of",
    "paths_of",
    "strictest",
]
