"""Atmos 1.226. Custom commands of a project are not listed, and so unknown."""

from collections.abc import Mapping

from atmos_ai_sidecar.domain.commands.specs import Spec, only, options, same, strictest
from atmos_ai_sidecar.domain.commands.tables.terraform import SUBCOMMANDS as TERRAFORM
from atmos_ai_sidecar.domain.tools import CommandClass

_READ, _PLAN, _MUTATE, _STATE = CommandClass.READ, CommandClass.PLAN, CommandClass.MUTATE, CommandClass.STATE
_DESTROY, _SECRET, _CODE = CommandClass.DESTROY, CommandClass.SECRET_READ, CommandClass.CODE_EXECUTION

_GLOBAL = options(
    "--no-color --force-color --interactive? --logs-level: --mask? --verbose -v --heatmap --version -h --help"
) | options(
    # Other configuration, other rights, other files: what they change cannot be told from here.
    "-C: --chdir: --base-path: --config: --config-path: --profile: --identity? --logs-file: "
    "--pager? "
    "--redirect-stderr: --use-version: --force-tty? --skill: --ai? --cast? --edition:",
    CommandClass.UNKNOWN,
)
_STACK = options("-s: --stack: --format: -f:")
_QUIET = [frozenset({"--process-functions=false"}), frozenset({"--process-templates=false"})]
"""Without these, Atmos runs the functions in stack files, and ``!exec`` runs anything."""
_PROCESS = options("--process-functions=false --process-templates=false --skip: --error-mode:") | options(
    "--process-functions? --process-templates?", _CODE
)


def _quiet(text: str) -> Spec:
    return Spec(command_class=_READ, options=_STACK | _PROCESS | options(text), needs=_QUIET, otherwise=_CODE)


def _read(text: str = "") -> Spec:
    return Spec(command_class=_READ, options=_STACK | options(text))


_AFFECTED = "--base: --ref: --sha: --repo-path: --include-dependents? --include-settings? "
"--include-spacelift-admin-stacks? --exclude-locked?"
_DESCRIBE = Spec(
    command_class=_READ,
    options=options("-q: --query:", CommandClass.UNKNOWN) | options("--file:", _MUTATE),
    is_persistent=True,
    subcommands={
        "affected": Spec(
            command_class=_READ,
            options=_STACK
            | _PROCESS
            | options(_AFFECTED)
            | options("--upload?", _MUTATE)
            | options("--clone-target-ref?", _CODE),
            needs=_QUIET,
            otherwise=_CODE,
        ),
        "component": _quiet("--provenance"),
        "config": _read(),
        "dependents": _quiet(""),
        "locals": _quiet(""),
        "stacks": _quiet("--components: --component-types: --sections: --include-empty-stacks?"),
        "workflows": _read("-o: --output:"),
    },
)
_LIST = Spec(
    command_class=_READ,
    subcommands={
        **same(
            "stacks components instances metadata settings values vars affected sources",
            _quiet(
                "-t: --type: --delimiter: --max-columns: --abstract? --enabled? --locked? --component: -c: --columns:"
            ),
        ),
        **same("workflows vendor themes aliases", _read("--delimiter: --file:")),
    },
)
_VALIDATE = Spec(
    command_class=_READ,
    subcommands={
        "component": only(_CODE),
        "stacks": Spec(command_class=_PLAN, options=options("--schemas-atmos-manifest:", _CODE)),
        **same("schema editorconfig", _read("--exclude: --dry-run")),
    },
)

_RUN = _STACK | options("--skip-init --all --affected --components: --from-plan --include-dependents? --dry-run")


def _through(spec: Spec) -> Spec:
    """A row of Terraform's as Atmos calls it: with its own options, which may cluster, and Terraform's behind ``--``.

    The first operand is the component.
    """
    mine = _RUN | options("--process-functions? --process-templates? --skip:")
    mine |= options("--upload-status? --query:", _MUTATE)
    theirs = dict(spec.options) | {f"-{name}": option for name, option in spec.options.items()}
    return Spec(
        # Whatever only reads still starts with an init, the choice of a workspace and generated files.
        command_class=strictest([spec.command_class, _PLAN]),
        options=theirs | mine,
        is_open=spec.is_open,
        needs=spec.needs,
        otherwise=spec.otherwise,
        goes_on_after_dashes=True,
        subcommands={name: _through(sub) for name, sub in spec.subcommands.items()},
    )


_TERRAFORM = Spec(
    command_class=_READ,
    is_persistent=True,
    subcommands={
        **{name: _through(spec) for name, spec in TERRAFORM.items()},
        "version": Spec(command_class=_READ),
        "output": only(_SECRET),
        "deploy": _through(TERRAFORM["apply"]),
        "plan-diff": Spec(command_class=_PLAN, options=_RUN | options("--orig: --new:")),
        "clean": only(_DESTROY),
        "shell": only(_CODE),
        "generate": only(_MUTATE),
        "varfile": only(_MUTATE),
        "write": only(_MUTATE),
        **same("workspace backend migrate", only(_STATE)),
    },
)
_HELMFILE = Spec(
    command_class=_READ,
    subcommands={
        **same("diff template lint list status", Spec(command_class=_PLAN, options=_STACK)),
        **same("apply sync deploy generate", only(_MUTATE)),
        **same("destroy delete", only(_DESTROY)),
        "version": _read(),
    },
)
_PACKER = Spec(
    command_class=_READ,
    subcommands={
        **same("validate inspect output", Spec(command_class=_PLAN, options=_STACK)),
        **same("build init", only(_CODE)),
        "version": _read(),
    },
)
_AUTH = Spec(
    command_class=_READ,
    subcommands={
        **same("whoami list validate", _read("--verbose --identities: --providers:")),
        **same("login logout user", only(_MUTATE)),
        **same("env console", only(_SECRET)),
        "exec": Spec(command_class=_CODE, is_open=True, runs_after_dashes=True),
        "shell": only(_CODE),
    },
)

_ATMOS = Spec(
    command_class=_READ,
    options=_GLOBAL,
    is_persistent=True,
    subcommands={
        **same("about support", _read()),
        "help": Spec(command_class=_READ, is_free=True),
        "version": Spec(
            command_class=_READ, options=options("--check --format:"), subcommands=same("list show", _read("--limit:"))
        ),
        "ai": only(_CODE),
        "mcp": only(_CODE),
        "lsp": only(_CODE),
        "describe": _DESCRIBE,
        "list": _LIST,
        "validate": _VALIDATE,
        **same("terraform tf", _TERRAFORM),
        **same("helmfile hf", _HELMFILE),
        **same("packer pk", _PACKER),
        "ansible": only(_CODE),
        "auth": _AUTH,
        "workflow": only(_CODE),
        "vendor": Spec(
            command_class=_READ,
            subcommands={
                "pull": only(_MUTATE),
                "diff": Spec(command_class=_PLAN, options=_STACK | options("-c: --component:")),
            },
        ),
        **same("atlantis docs scaffold init toolchain aws pro", only(_MUTATE)),
        "completion": Spec(command_class=_READ),
        **same("theme profile", Spec(command_class=_READ, subcommands={**same("list show", _read())})),
        "devcontainer": only(_CODE),
    },
)

ATMOS: Mapping[str, Spec] = {
    "atmos": _ATMOS,
    **same("atmos-ai", only(_CODE)),
}
