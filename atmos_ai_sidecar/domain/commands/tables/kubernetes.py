"""kubectl and helm."""

from collections.abc import Mapping

from atmos_ai_sidecar.domain.commands.specs import Spec, only, options, same
from atmos_ai_sidecar.domain.tools import CommandClass

_READ, _PLAN, _MUTATE = CommandClass.READ, CommandClass.PLAN, CommandClass.MUTATE
_DESTROY, _SECRET, _CODE = CommandClass.DESTROY, CommandClass.SECRET_READ, CommandClass.CODE_EXECUTION

_SECRETS = [("secret*", _SECRET), ("sealedsecret*", _SECRET), ("externalsecret*", _SECRET)]
_SELECT = options(
    "-o: --output: -l: --selector: -A --all-namespaces -w --watch --field-selector: "
    "--sort-by: --show-labels "
    "--no-headers --ignore-not-found --chunk-size: -L: --label-columns: --show-managed-fields "
    "-R --recursive"
)


def _read(text: str = "") -> Spec:
    return Spec(command_class=_READ, options=_SELECT | options(text), operand_classes=_SECRETS)


def _change(worse: str = "") -> Spec:
    return Spec(command_class=_MUTATE, options=options(worse, _DESTROY), is_open=True)


_KUBECTL = Spec(
    command_class=_READ,
    options=options("-n: --namespace: --context: --cluster: --request-timeout: -v: --v:")
    | options(
        "--kubeconfig: --token: --user: --as: --as-group: -s: --server: --cache-dir: --insecure-skip-tls-verify?",
        CommandClass.UNKNOWN,
    ),
    is_persistent=True,
    subcommands={
        "get": Spec(
            command_class=_READ,
            options=_SELECT | options("--raw: -f: --filename: -k: --kustomize: --template:", _SECRET),
            operand_classes=_SECRETS,
        ),
        "describe": _read("--show-events?"),
        "explain": Spec(command_class=_READ, options=options("--recursive? --api-version: --output:")),
        "logs": _read(
            "-f --follow? -p --previous? -c: --container: --tail: --since: --since-time: "
            "--timestamps? --all-containers? --prefix?"
        ),
        "top": _read("--containers? --sum?"),
        "events": _read("--for: --types:"),
        **same("api-resources api-versions version", _read("--client? --namespaced? --verbs: --api-group:")),
        "cluster-info": Spec(command_class=_READ, subcommands={"dump": only(_SECRET)}),
        "wait": _read("--for: --timeout: --all?"),
        "kustomize": Spec(command_class=_PLAN),
        "diff": Spec(
            command_class=_PLAN, options=options("-f: --filename: -k: --kustomize: -R --recursive --server-side?")
        ),
        "auth": Spec(
            command_class=_READ, subcommands={**same("can-i whoami", _read("--list?")), "reconcile": only(_MUTATE)}
        ),
        "config": Spec(
            command_class=_READ,
            subcommands={
                **same("get-contexts current-context get-clusters", _read()),
                "view": Spec(
                    command_class=_READ,
                    options=options("--minify? -o: --output:") | options("--raw? --flatten?", _SECRET),
                ),
                "get-users": only(_SECRET),
                **same("use-context use set set-context set-cluster rename-context", only(_MUTATE)),
                "set-credentials": only(_CODE),
                **same("delete-context delete-cluster delete-user unset", only(_DESTROY)),
            },
        ),
        "rollout": Spec(
            command_class=_READ,
            subcommands={
                **same("status history", _read("--timeout: --revision:")),
                **same("restart undo pause resume", only(_MUTATE)),
            },
        ),
        "apply": _change("--prune? --force?"),
        "replace": _change("--force?"),
        "create": Spec(command_class=_MUTATE, is_open=True, operand_classes=[("token", _SECRET)]),
        **same(
            "annotate autoscale certificate cordon edit expose label patch run-job scale set taint uncordon", _change()
        ),
        **same("delete drain", only(_DESTROY)),
        **same("exec debug", Spec(command_class=_CODE, is_open=True, runs_after_dashes=True)),
        **same("run attach cp port-forward proxy plugin", only(_CODE)),
        "completion": Spec(command_class=_READ),
    },
)

_HELM_VALUES = options("-f: --values: --set: --set-string: --version: --include-crds --show-only: -s: --name-template:")
_HELM = Spec(
    command_class=_READ,
    options=options("-n: --namespace: --kube-context: --debug")
    | options(
        "--kubeconfig: --kube-token: --kube-apiserver: --registry-config: --repository-config:", CommandClass.UNKNOWN
    ),
    is_persistent=True,
    subcommands={
        **same("list ls", _read("-a --all -q --short --filter: -f: --deployed --failed --pending --max:")),
        **same("status history", _read("--revision: --max: --show-resources --show-desc")),
        "get": only(_SECRET),
        **same(
            "show inspect search",
            Spec(command_class=_READ, has_groups=True, options=options("--version: --versions -l -o: --output:")),
        ),
        **same("version env", Spec(command_class=_READ, options=options("--short --template:"))),
        "lint": Spec(command_class=_READ, options=_HELM_VALUES | options("--strict --quiet")),
        "template": Spec(command_class=_PLAN, options=_HELM_VALUES),
        "verify": Spec(command_class=_READ),
        "repo": Spec(
            command_class=_READ,
            subcommands={
                "list": _read(),
                **same("add update index", only(_MUTATE)),
                **same("remove rm", only(_DESTROY)),
            },
        ),
        **same(
            "dependency dep",
            Spec(
                command_class=_READ, subcommands={**same("list ls", _read()), **same("build update up", only(_MUTATE))}
            ),
        ),
        **same(
            "install upgrade rollback",
            Spec(
                command_class=_MUTATE,
                options=options("--force?", _DESTROY) | options("--post-renderer:", _CODE),
                is_open=True,
            ),
        ),
        **same("uninstall delete del un", only(_DESTROY)),
        **same("create package pull fetch push registry", only(_MUTATE)),
        **same("test plugin", only(_CODE)),
    },
)

KUBERNETES: Mapping[str, Spec] = {"kubectl": _KUBECTL, "helm": _HELM}
