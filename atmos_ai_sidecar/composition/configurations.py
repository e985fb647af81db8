"""Reads the configuration of a run, and checks what only a parser of commands can check."""

from typing import TYPE_CHECKING

from atmos_ai_sidecar.adapters.command_parser import TreeSitterCommandParser
from atmos_ai_sidecar.configuration import AtmosFlags, Config, load_configuration
from atmos_ai_sidecar.domain.rule_examples import is_right
from atmos_ai_sidecar.errors import ConfigurationInvalidError

if TYPE_CHECKING:
    from atmos_ai_sidecar.application.workspace import Run, RunOptions


def configuration_of(run: "Run", options: "RunOptions", *, allow_disabled: bool = False) -> Config:
    """Everything that the project of a run says; what only Atmos can evaluate is left at its defaults, and listed.

    It reads files, so callers on an event loop use a thread.

    Raises:
        ConfigurationInvalidError: There is no project, a file says something that cannot be used, or a rule does not
            do what its examples say.
        AIDisabledError: The project does not switch the assistant on, unless ``allow_disabled``.
    """
    flags = AtmosFlags.parsed(options.atmos_flags)
    config = load_configuration(
        run.directory, run.environment, flags, allow_disabled=allow_disabled, allow_unevaluated=True
    )
    parse = TreeSitterCommandParser().parse
    for example in config.rule_examples:
        if not is_right(example, parse):
            expected = "does not hold for" if example.holds else "holds for"
            raise ConfigurationInvalidError(
                f"The rule in line {example.rule.line} {expected} its example {example.text!r}.",
                file=example.file,
                line=example.line,
                remedy="Change the rule or the example; nothing starts with a rule that does something else.",
            )
    return config
