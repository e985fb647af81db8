"""The 62 tools of Atmos 1.226, one row each: what it does to the world, and which of its parameters mean what.

Where we have a tool for the same thing, theirs is hidden; its row says by which one.
"""

from collections.abc import Mapping

from atmos_ai_sidecar.adapters.atmos_mcp.rows import (
    EVALUATION_SECONDS,
    NETWORK_SECONDS,
    Base,
    Kind,
    PathParameter,
    Row,
)
from atmos_ai_sidecar.domain.tools import CommandClass, Effect

_READS = Kind(effect=Effect.READ, asks=False)
_WRITES = Kind(effect=Effect.WRITE, asks=True)
_TALKS = Kind(effect=Effect.NETWORK, asks=True, timeout_seconds=NETWORK_SECONDS)
_EVALUATES = Kind(
    effect=Effect.EXECUTE, asks=True, command_class=CommandClass.CODE_EXECUTION, timeout_seconds=EVALUATION_SECONDS
)
"""It processes templates and YAML functions, so it runs what stack files say with `!exec`."""
_RUNS = Kind(effect=Effect.EXECUTE, asks=True, command_class=CommandClass.UNKNOWN)

_FILE = (PathParameter(name="file"),)
_FILE_PATH = (PathParameter(name="file_path", base=Base.BASE_PATH),)
_CODE = (PathParameter(name="file_path", base=Base.TERRAFORM),)

_SETTINGS = (
    _READS.row("atmos_config_get", "file path!", "Reads a setting of atmos.yaml.", paths=_FILE, queries=("path",)),
    _READS.row("atmos_config_list", "file pattern", "Lists the settings of atmos.yaml.", paths=_FILE),
    _WRITES.row("atmos_config_set", "file path! type value!", "Sets a value in atmos.yaml.", paths=_FILE, key="path"),
    _WRITES.row("atmos_config_delete", "file path!", "Removes a setting of atmos.yaml.", paths=_FILE, key="path"),
    _WRITES.row("atmos_config_format", "file", "Formats atmos.yaml.", paths=_FILE),
)
_STACKS = (
    _READS.row("atmos_list_stacks", "format=yaml", hidden_by="atmos_list_stacks"),
    _READS.row(
        "atmos_list_components", "include_abstract:boolean=false stack type=all", hidden_by="atmos_list_components"
    ),
    _READS.row("atmos_describe_component", "component! stack!", hidden_by="atmos_describe_component"),
    _EVALUATES.row(
        "atmos_describe_dependents",
        "component! include_settings:boolean=false stack!",
        hidden_by="atmos_describe_dependents",
    ),
    _EVALUATES.row("describe_affected", "ref verbose:boolean", hidden_by="atmos_describe_affected"),
    _READS.row(
        "atmos_list_values",
        "component! format=yaml include_abstract:boolean=false query stack vars:boolean=false",
        "Shows the values of a component side by side for all stacks, or for one.",
        queries=("query",),
    ),
    _READS.row(
        "atmos_stack_config_get",
        "component! file path! stack!",
        "Reads one value of a component in a stack, and the file and line that it comes from.",
        paths=_FILE,
        queries=("path",),
    ),
    _READS.row(
        "atmos_stack_config_list", "component! pattern stack!", "Lists the values of a component in a stack with files."
    ),
    _WRITES.row(
        "atmos_stack_config_set",
        "component! file path! stack! type=string value!",
        "Sets a value of a component in the stack file that it comes from.",
        paths=_FILE,
        queries=("path",),
    ),
    _WRITES.row(
        "atmos_stack_config_delete",
        "component! file path! stack!",
        "Removes a value of a component from the stack file that it comes from.",
        paths=_FILE,
        queries=("path",),
    ),
    _WRITES.row("atmos_stack_config_format", "component! stack!", "Formats the stack files of a component."),
    _EVALUATES.row(
        "get_template_context",
        "component! stack!",
        "Shows what templates of a component can use. Evaluates functions, so the user is asked.",
    ),
    _EVALUATES.row(
        "atmos_secret_list",
        "component stack",
        "Lists the secrets that components declare, without values. Evaluates functions, so the user is asked.",
    ),
)
_WORKFLOWS = (
    _READS.row(
        "atmos_describe_workflows",
        "output_type=list query",
        "Describes the workflows with their steps.",
        queries=("query",),
    ),
    _READS.row("atmos_list_workflows", "file", "Lists the workflows.", paths=_FILE),
    _READS.row("atmos_list_commands", "path recursive:boolean=true", "Lists the commands of atmos, also custom ones."),
    _READS.row("atmos_command_help", "command!", "Shows the help of an atmos command.", command="command"),
)
_CHECKS = (
    _EVALUATES.row(
        "atmos_validate_component",
        "component! module_paths:array schema_path schema_type stack! timeout:integer=0",
        paths=(PathParameter(name="schema_path", base=Base.BASE_PATH),),
        hidden_by="atmos_validate_component",
    ),
    _TALKS.row(
        "atmos_validate_file",
        "file_path! schema_path",
        "Validates a YAML file against a JSON Schema, which may have to be fetched.",
        paths=(*_FILE_PATH, PathParameter(name="schema_path", base=Base.BASE_PATH)),
    ),
    _TALKS.row("atmos_validate_schema", "key", "Validates files against the schemas that atmos.yaml names."),
    _READS.row("atmos_validate_stacks", "schema_type=jsonschema", hidden_by="atmos_validate_stacks"),
)
_VENDORED = (
    _READS.row(
        "atmos_vendor_config_get", "file path!", "Reads a value of vendor.yaml.", paths=_FILE, queries=("path",)
    ),
    _READS.row("atmos_vendor_config_list", "file pattern", "Lists the values of vendor.yaml.", paths=_FILE),
    _WRITES.row(
        "atmos_vendor_config_set",
        "file path! type=string value!",
        "Sets a value in vendor.yaml.",
        paths=_FILE,
        queries=("path",),
    ),
    _WRITES.row(
        "atmos_vendor_config_delete", "file path!", "Removes a value of vendor.yaml.", paths=_FILE, queries=("path",)
    ),
    _WRITES.row("atmos_vendor_config_format", "file", "Formats vendor.yaml.", paths=_FILE),
    _TALKS.row("atmos_vendor_check_updates", "component tags:array", "Looks for newer versions of what is vendored."),
    _TALKS.row("atmos_vendor_diff", "component! from to", "Compares two versions of a vendored component."),
    _WRITES.row(
        "atmos_vendor_update",
        "component tags:array",
        "Writes newer versions of vendored components into vendor.yaml.",
        timeout_seconds=NETWORK_SECONDS,
    ),
)
_VERSIONS = (
    _WRITES.row("atmos_toolchain_add", "tool! version=latest", "Adds a tool to .tool-versions."),
    _READS.row("atmos_toolchain_list", "tool", "Lists the tools of .tool-versions."),
    _WRITES.row("atmos_toolchain_remove", "tool! version", "Removes a tool from .tool-versions."),
    _WRITES.row("atmos_toolchain_set", "tool! version!", "Sets the version of a tool in .tool-versions."),
    _WRITES.row(
        "atmos_version_track_add",
        "datasource desired=latest ecosystem exclude:array group include:array name! package pin prerelease:boolean "
        "provider track",
        "Adds an entry to a version track.",
    ),
    _WRITES.row("atmos_version_track_remove", "name! track", "Removes an entry of a version track."),
    _WRITES.row(
        "atmos_version_track_set",
        "desired exclude:array group include:array name! package pin prerelease:boolean provider track",
        "Changes an entry of a version track.",
    ),
    _TALKS.row("atmos_version_track_status", "group track", "Compares version tracks with what there is upstream."),
    _WRITES.row(
        "atmos_version_track_update",
        "group only:array track",
        "Writes newer versions into the lock of a version track.",
        timeout_seconds=NETWORK_SECONDS,
    ),
)
_CLOUD = (
    _TALKS.row(
        "atmos_analyze_finding",
        "component_source finding_id! stack_config",
        "Explains a security finding.",
    ),
    _TALKS.row("atmos_compliance_report", "framework! stack", "Reports on compliance with a framework."),
    _TALKS.row("atmos_describe_finding", "finding_id!", "Describes a security finding."),
    _TALKS.row(
        "atmos_list_findings",
        "max_findings:integer=20 severity=CRITICAL,HIGH source=all stack",
        "Lists security findings.",
    ),
    _READS.row("atmos_auth_list", "identities providers", "Lists the configured identities and providers."),
    _TALKS.row("atmos_auth_whoami", "identity", "Says which identity is logged in."),
    _TALKS.row("web_search", "max_results:integer=10 query!", "Searches the web."),
)
_FILES = (
    _READS.row(
        "atmos_terraform_component_hcl_get",
        "address! file_path! with_comments:boolean=false",
        "Reads a block or attribute of terraform code, by its address.",
        paths=_CODE,
    ),
    _WRITES.row(
        "atmos_terraform_component_hcl_edit",
        "address child file_path! newline:boolean=true operation! parent value",
        "Changes a block or attribute of terraform code, by its address.",
        paths=_CODE,
    ),
    _WRITES.row(
        "edit_file",
        "content end_line:integer file_path! line_number:integer operation! replace search start_line:integer",
        paths=_FILE_PATH,
        hidden_by="file_edit",
    ),
    _READS.row(
        "list_component_files",
        "component_path component_type! file_pattern",
        paths=(PathParameter(name="component_path", base=Base.TERRAFORM),),
        hidden_by="file_list",
    ),
    _READS.row("read_component_file", "component_type! file_path!", paths=_CODE, hidden_by="file_read"),
    _READS.row("read_file", "file_path!", paths=_FILE_PATH, hidden_by="file_read"),
    _READS.row("read_stack_file", "file_path!", paths=_FILE_PATH, hidden_by="file_read"),
    _READS.row(
        "search_files",
        "case_sensitive:boolean file_pattern path pattern!",
        paths=(PathParameter(name="path", base=Base.BASE_PATH),),
        hidden_by="file_search",
    ),
    _WRITES.row("write_component_file", "component_type! content! file_path!", paths=_CODE, hidden_by="file_write"),
    _WRITES.row("write_stack_file", "content! file_path!", paths=_FILE_PATH, hidden_by="file_write"),
    _RUNS.row("execute_atmos_command", "command!", command="command", hidden_by="execute_atmos_command"),
    _RUNS.row(
        "execute_bash_command",
        "command! working_dir",
        command="command",
        paths=(PathParameter(name="working_dir", base=Base.BASE_PATH),),
        hidden_by="execute_bash_command",
    ),
)

TABLE: Mapping[str, Row] = {
    row.name: row
    for row in sorted(
        (*_SETTINGS, *_STACKS, *_WORKFLOWS, *_CHECKS, *_VENDORED, *_VERSIONS, *_CLOUD, *_FILES),
        key=lambda row: row.name,
    )
}
"""Every tool by its name, hidden ones too."""
