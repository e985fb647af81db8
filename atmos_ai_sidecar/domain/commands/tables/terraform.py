"""Terraform and OpenTofu, and the programs around them. Checked with ``terraform -help`` of 1.11."""

from collections.abc import Mapping

from atmos_ai_sidecar.domain.commands.specs import Spec, only, options, same
from atmos_ai_sidecar.domain.tools import CommandClass

_READ, _PLAN, _MUTATE, _STATE = CommandClass.READ, CommandClass.PLAN, CommandClass.MUTATE, CommandClass.STATE
_DESTROY, _SECRET, _CODE = CommandClass.DESTROY, CommandClass.SECRET_READ, CommandClass.CODE_EXECUTION

_PLAN_OPTIONS = (
    options(
        "-compact-warnings? -destroy? -detailed-exitcode? -input? -json? -lock? -lock-timeout: "
        "-no-color? "
        "-parallelism: -refresh? -refresh-only? -replace: -target: -exclude: -var: -var-file: "
        "-concise? -show-sensitive?"
    )
    | options("-out: -generate-config-out:", _MUTATE)
    | options("-state: -show-sensitive?", _SECRET)
)
_APPLY_OPTIONS = (
    options("-destroy? -replace:", _DESTROY)
    | options("-lock? -state: -state-out: -backup:", _STATE)
    | options("-target: -var: -var-file: -auto-approve? -input? -parallelism: -refresh? -lock-timeout:")
)


def _go(command_class: CommandClass, text: str = "", **more: object) -> Spec:
    return Spec(command_class=command_class, options=options(text), has_clusters=False, **more)  # type: ignore[arg-type]


_ANY = Spec(command_class=_MUTATE, is_open=True, has_clusters=False)
_STATE_SPEC = Spec(
    command_class=_READ,
    subcommands={
        "list": _go(_READ, "-id:"),
        "show": Spec(command_class=_READ, options=options("-show-sensitive? -json?", _SECRET), has_clusters=False),
        "pull": only(_SECRET),
        **same("identities", only(_SECRET)),
        **same("rm mv push replace-provider", only(_STATE)),
    },
)
_WORKSPACE = Spec(
    command_class=_READ,
    subcommands={**same("list show", _go(_READ)), **same("select new delete", only(_STATE))},
)

SUBCOMMANDS: Mapping[str, Spec] = {
    "apply": Spec(command_class=_MUTATE, options=_APPLY_OPTIONS, is_open=True, has_clusters=False),
    "console": only(_SECRET),
    "destroy": only(_DESTROY),
    "env": _WORKSPACE,
    "fmt": Spec(
        command_class=_READ,
        options=options("-check -write=false -diff? -list? -recursive? -no-color?") | options("-write?", _MUTATE),
        has_clusters=False,
        needs=[frozenset({"-check", "-write=false"})],
        otherwise=_MUTATE,
    ),
    "force-unlock": only(_STATE),
    "get": only(_MUTATE),
    "graph": _go(_READ, "-type: -draw-cycles? -module-depth:"),
    "import": only(_STATE),
    "init": Spec(
        command_class=_MUTATE,
        options=options("-migrate-state? -force-copy? -reconfigure? -backend-config:", _STATE),
        is_open=True,
        has_clusters=False,
    ),
    **same("login logout", only(_MUTATE)),
    "metadata": _go(_READ, subcommands={"functions": _go(_READ, "-json?")}),
    "modules": _go(_READ, "-json?"),
    "output": Spec(
        command_class=_READ,
        options=options("-no-color?") | options("-json? -raw? -state: -show-sensitive?", _SECRET),
        has_clusters=False,
        operand_classes=[("*", _SECRET)],
    ),
    "plan": Spec(command_class=_PLAN, options=_PLAN_OPTIONS, has_clusters=False),
    "providers": _go(
        _READ, "-test-directory:", subcommands={"schema": _go(_READ, "-json?"), **same("lock mirror", only(_MUTATE))}
    ),
    "refresh": only(_STATE),
    "show": Spec(
        command_class=_READ,
        options=options("-no-color?") | options("-json? -show-sensitive?", _SECRET),
        has_clusters=False,
    ),
    "state": _STATE_SPEC,
    **same("taint untaint", only(_STATE)),
    "test": only(_MUTATE),
    "validate": _go(_READ, "-json? -no-color? -no-tests? -test-directory:"),
    "version": _go(_READ, "-json?"),
    "workspace": _WORKSPACE,
}

_TERRAFORM = Spec(
    command_class=_READ,
    options=options("-chdir: -help -version"),
    has_clusters=False,
    subcommands=SUBCOMMANDS,
)
_PACKER = Spec(
    command_class=_READ,
    subcommands={
        **same("inspect version", Spec(command_class=_READ, options=options("-machine-readable"), has_clusters=False)),
        "validate": _go(_PLAN, "-syntax-only? -var: -var-file: -only: -except:"),
        "fmt": Spec(
            command_class=_READ,
            options=options("-check? -diff? -recursive?"),
            has_clusters=False,
            needs=[frozenset({"-check"})],
            otherwise=_MUTATE,
        ),
        **same("build init plugins", only(_CODE)),
    },
)
_HELMFILE = Spec(
    command_class=_READ,
    options=options("-e: --environment: -l: --selector: -q --quiet --no-color --color --log-level:"),
    is_persistent=True,
    subcommands={
        **same("diff template lint list status build", Spec(command_class=_PLAN, options=options("--skip-deps"))),
        **same("apply sync deps repos fetch cache", only(_MUTATE)),
        **same("destroy delete", only(_DESTROY)),
        "test": only(_CODE),
        "version": Spec(command_class=_READ),
    },
)

TERRAFORM: Mapping[str, Spec] = {
    **same("terraform tofu", _TERRAFORM),
    "packer": _PACKER,
    "helmfile": _HELMFILE,
    **same("tfsec tflint checkov terraform-docs trivy", only(_CODE)),
    **same("terragrunt", only(CommandClass.UNKNOWN)),
}
