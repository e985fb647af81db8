"""The command lines of clouds, by the verb of the operation, and containers."""

from collections.abc import Mapping

from atmos_ai_sidecar.domain.commands.specs import Spec, only, options, same
from atmos_ai_sidecar.domain.tools import CommandClass

_READ, _MUTATE = CommandClass.READ, CommandClass.MUTATE
_DESTROY, _SECRET, _CODE = CommandClass.DESTROY, CommandClass.SECRET_READ, CommandClass.CODE_EXECUTION

_AWS_UNTOLD = options(
    "--endpoint-url: --cli-input-json: --cli-input-yaml: --ca-bundle: --no-verify-ssl --generate-cli-skeleton?",
    CommandClass.UNKNOWN,
)
_AWS_READ = Spec(command_class=_READ, options=_AWS_UNTOLD, is_open=True)
_AWS_VERBS: Mapping[str, Spec] = {
    **same(
        "*secret-value* get-parameter get-parameters get-parameters-by-path get-parameter-history "
        "get-password-data "
        "get-login-password get-session-token get-federation-token *credential* "
        "get-authorization-token decrypt "
        "assume-role* generate-data-key* get-random-password get-console-output *access-key* "
        "describe-instance-attribute",
        only(_SECRET),
    ),
    **same(
        "get-caller-identity get-account-* get-bucket-* get-role* get-policy* get-user* "
        "get-group* get-metric-* "
        "get-cost-* get-tags get-resources get-instance-profile get-hosted-zone* "
        "get-key-rotation-status "
        "describe-* list-* head-* lookup-events simulate-* wait",
        _AWS_READ,
    ),
    **same("delete-* terminate-* remove-* purge-* deregister-* destroy-* rb rm cancel-* revoke-*", only(_DESTROY)),
    **same(
        "create-* update-* put-* modify-* attach-* detach-* associate-* disassociate-* start-* "
        "stop-* reboot-* run-* "
        "tag-* untag-* enable-* disable-* register-* set-* add-* import-* copy-* restore-* send-* "
        "publish cp mv sync mb "
        "deploy update-kubeconfig",
        only(_MUTATE),
    ),
    **same("invoke* execute-* start-session send-command ssh", only(_CODE)),
}
_AWS_SERVICE = Spec(command_class=CommandClass.UNKNOWN, options=_AWS_UNTOLD, subcommands=_AWS_VERBS)
_AWS = Spec(
    command_class=_READ,
    options=options(
        "--profile: --region: --output: --query: --no-cli-pager --no-paginate --color: --version "
        "--cli-read-timeout: --cli-connect-timeout:"
    )
    | _AWS_UNTOLD,
    is_persistent=True,
    subcommands={
        "s3": Spec(
            command_class=_READ,
            options=_AWS_UNTOLD,
            subcommands={
                "ls": _AWS_READ,
                **same("rm rb", only(_DESTROY)),
                **same("cp mv sync mb website presign", only(_MUTATE)),
            },
        ),
        "configure": only(_SECRET),
        "sso": only(_MUTATE),
        "help": Spec(command_class=_CODE, is_free=True),
    },
    other=_AWS_SERVICE,
)


def _verbs(read: CommandClass, untold: str) -> Mapping[str, Spec]:
    reads = Spec(command_class=read, options=options(untold, CommandClass.UNKNOWN), is_open=True)
    return {
        **same("list describe show search", reads),
        **same("delete remove purge destroy", only(_DESTROY)),
        **same(
            "create update set add start stop restart reset apply deploy enable disable resize scale "
            "move upload sync copy",
            only(_MUTATE),
        ),
        **same("ssh scp run-command invoke exec execute", only(_CODE)),
        **same(
            "access print-* get-access-token get-credentials decrypt show-connection-string list-keys "
            "list-connection-strings get-token",
            only(_SECRET),
        ),
    }


def _cloud(own: str, untold: str, secrets: str) -> Spec:
    """Groups with a verb at their end. Options before the verb have to be listed, since they may take a word."""
    known = options(own) | options(untold, CommandClass.UNKNOWN)
    hidden = Spec(
        command_class=CommandClass.UNKNOWN, options=known, has_groups=True, subcommands=_verbs(_SECRET, untold)
    )
    return Spec(
        command_class=CommandClass.UNKNOWN,
        options=known,
        has_groups=True,
        subcommands={**same(secrets, hidden), **_verbs(_READ, untold)},
    )


_GCLOUD = _cloud(
    "--project: --region: --zone: --format: --filter: --quiet -q --verbosity:",
    "--flags-file: --account: --impersonate-service-account: --configuration: --access-token-file: --log-http",
    "secrets secret auth kms keys config info",
)
_AZ = _cloud(
    "-g: --resource-group: -n: --name: -o: --output: --query: --subscription:",
    "--debug --file: -f: --destination:",
    "secret secrets key keys shared-key keyvault credential credentials token account appsettings config rest "
    "connection-string",
)

_DOCKER_READ = Spec(command_class=_READ, is_open=True, options=options("-o: --output:", _MUTATE))
_DOCKER = Spec(
    command_class=_READ,
    options=options("-H: --host: -c: --context: --config: --tls --tlscacert:", CommandClass.UNKNOWN),
    subcommands={
        **same("ps images inspect logs version info top port diff history stats events", _DOCKER_READ),
        **same("rm rmi kill stop prune", only(_DESTROY)),
        **same("run exec build buildx compose start restart create cp commit load import plugin", only(_CODE)),
        **same("pull push tag save export login logout rename update pause unpause wait", only(_MUTATE)),
        **same(
            "container image network volume system context",
            Spec(
                command_class=_READ,
                subcommands={
                    **same("ls list inspect df logs show", _DOCKER_READ),
                    **same("rm remove prune", only(_DESTROY)),
                    **same("create connect disconnect use update", only(_MUTATE)),
                    **same("run exec build", only(_CODE)),
                },
            ),
        ),
    },
)

CLOUDS: Mapping[str, Spec] = {
    "aws": _AWS,
    "gcloud": _GCLOUD,
    "az": _AZ,
    **same("docker podman nerdctl", _DOCKER),
    **same("docker-compose", only(_CODE)),
    **same("gsutil bq eksctl doctl vault sops op chamber aws-vault", only(CommandClass.UNKNOWN)),
}
