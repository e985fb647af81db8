"""What a command line demands of the permissions and of whoever runs it."""

from collections.abc import Sequence

from atmos_ai_sidecar.domain.commands.assessment import Assessment
from atmos_ai_sidecar.domain.tools import CommandClass, Demand, Effect, ExecutionClass

_EXECUTION_CLASSES = {
    CommandClass.READ: ExecutionClass.READ,
    CommandClass.SECRET_READ: ExecutionClass.READ,
    CommandClass.PLAN: ExecutionClass.PLAN,
}
_TIMEOUTS = {ExecutionClass.READ: 120.0, ExecutionClass.PLAN: 1200.0, ExecutionClass.MUTATE: None}


def execution_class_of(assessment: Assessment) -> ExecutionClass:
    """How the running command is stopped; what may change something is left to finish."""
    return _EXECUTION_CLASSES.get(assessment.command_class, ExecutionClass.MUTATE)


def demand_of(
    assessment: Assessment,
    *,
    must_ask: str = "",
    forbidden: str = "",
    can_remember: bool = True,
    paths: Sequence[str] = (),
    folders: Sequence[str] = (),
) -> Demand:
    """The demand of a call that runs the command line.

    It needs permission always. It has the effect read only when it reads and nothing in it is in doubt; any doubt asks
    each time.

    Args:
        assessment: What the command line would do.
        must_ask: Another reason to ask each time.
        forbidden: Another reason why no setting may allow it.
        can_remember: Whether "always" may be offered where class and doubts permit it.
        paths: What its words name as files, links followed.
        folders: Those of them that are folders.
    """
    reads = assessment.command_class is CommandClass.READ and not assessment.doubts
    doubts = f"the command has {'; '.join(assessment.doubts)}" if assessment.doubts else ""
    return Demand(
        effect=Effect.READ if reads else Effect.EXECUTE,
        requires_permission=True,
        timeout_seconds=_TIMEOUTS[execution_class_of(assessment)],
        command_class=assessment.command_class,
        forbidden=assessment.forbidden or forbidden,
        must_ask=doubts or must_ask,
        can_remember=can_remember,
        prefix=assessment.simple_prefix,
        commands=assessment.commands,
        is_open=assessment.is_open,
        paths=tuple(paths),
        folders=tuple(folders),
    )
