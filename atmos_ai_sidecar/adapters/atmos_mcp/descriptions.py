"""What the parameters of Atmos' tools mean, in the words that the model and other agents read."""

from collections.abc import Mapping

_ADDRESS = "resource.aws_instance.web.instance_type"

_BY_NAME: Mapping[str, str] = {
    "component": "Name of the component, for example vpc.",
    "stack": "Name of the stack, for example ue1-dev.",
    "file": "The file to work on; without it the one that Atmos would take.",
    "file_path": "Path of the file.",
    "path": "Dotted path of the setting, for example vars.region.",
    "value": "The new value.",
    "type": "Type of the value: string, int, float, bool or yaml.",
    "pattern": "Only paths that match; * and ? are wildcards.",
    "query": "A yq expression that selects part of the answer, for example .vars.",
    "include_abstract": "Abstract components too.",
    "finding_id": "Id of the security finding.",
    "framework": "Compliance framework: cis-aws, pci-dss, soc2, hipaa or nist.",
    "tags": "Only components with one of these tags; not used when a component is named.",
    "tool": "Name of the tool, as owner/name or its alias.",
    "version": "Version of the tool.",
    "track": "Name of the version track; without it the project's default one.",
    "group": "Only entries of this group.",
    "name": "Name of the entry within the track.",
    "desired": "The version that is wanted: an exact one, a range, or latest.",
    "datasource": "Where versions are looked up, in place of what the ecosystem would take.",
    "ecosystem": "Kind of dependency: github, github/actions, oci, toolchain; without it told from the package.",
    "package": "Name of the package upstream; without it the name of the entry.",
    "provider": "Which provider looks versions up, for example the host of a registry.",
    "include": "Updates take only versions that match one of these patterns.",
    "exclude": "Updates take no versions that match one of these patterns.",
    "pin": "What an update pins anew, for example digest: also when the version stays.",
    "prerelease": "Whether updates may take versions before a release.",
    "schema_path": "Path of the schema; without it the one that the configuration names.",
    "command": "Words after `atmos`, for example terraform plan.",
}
BY_TOOL: Mapping[str, str] = {
    "atmos_analyze_finding.component_source": "Source code of the component, to be looked at with the finding.",
    "atmos_analyze_finding.stack_config": "Configuration of the stack as YAML, to be looked at with the finding.",
    "atmos_auth_list.identities": "Only these identities, separated by commas.",
    "atmos_auth_list.providers": "Only these providers, separated by commas.",
    "atmos_auth_whoami.identity": "Name of the identity; without it the default one.",
    "atmos_describe_workflows.output_type": "list: file and name of each; map: names by file; all: with their steps.",
    "atmos_list_commands.path": "Dotted path of a command to start from, for example terraform or vendor.",
    "atmos_list_commands.recursive": "Commands below commands too.",
    "atmos_list_findings.max_findings": "At most so many.",
    "atmos_list_findings.severity": "Separated by commas: CRITICAL, HIGH, MEDIUM, LOW, INFORMATIONAL.",
    "atmos_list_findings.source": (
        "Service that found it: security-hub, config, inspector, guardduty, macie, access-analyzer or all."
    ),
    "atmos_list_values.format": "yaml, json, csv or tsv.",
    "atmos_list_values.stack": "Only stacks that match; * is a wildcard, for example *-prod.",
    "atmos_list_values.vars": "Only the variables of the component.",
    "atmos_terraform_component_hcl_edit.address": (
        f"For attribute_*: the attribute, for example {_ADDRESS}. For block_new: the new block with its labels. For "
        "block_remove: the block; all that match are removed."
    ),
    "atmos_terraform_component_hcl_edit.child": "For block_append: type and labels of the new block, as lifecycle.",
    "atmos_terraform_component_hcl_edit.file_path": "Path of the file below the terraform components, as vpc/main.tf.",
    "atmos_terraform_component_hcl_edit.newline": "An empty line before what is added.",
    "atmos_terraform_component_hcl_edit.operation": (
        "attribute_set, attribute_append, attribute_remove, block_new, block_append or block_remove."
    ),
    "atmos_terraform_component_hcl_edit.parent": "For block_append: the block to add to; all that match get it.",
    "atmos_terraform_component_hcl_edit.value": (
        'For attribute_set and attribute_append: an expression of HCL; texts in quotes, as "t3.micro".'
    ),
    "atmos_terraform_component_hcl_get.address": f"The block or attribute, for example {_ADDRESS}.",
    "atmos_terraform_component_hcl_get.file_path": "Path of the file below the terraform components, as vpc/main.tf.",
    "atmos_terraform_component_hcl_get.with_comments": "With the comment at the end of an attribute's line.",
    "atmos_validate_schema.key": "Which schema of atmos.yaml; without it all of them.",
    "atmos_vendor_diff.from": "The older version; without it the one that is pinned.",
    "atmos_vendor_diff.to": "The newer version; without it the latest.",
    "atmos_version_track_update.only": "Only entries of these names.",
    "web_search.max_results": "At most so many, from 1 to 50.",
    "web_search.query": "What to search for.",
}


def parameter_description(tool: str, parameter: str) -> str:
    """What a parameter of a tool means; empty when nobody is told of it."""
    return BY_TOOL.get(f"{tool}.{parameter}") or _BY_NAME.get(parameter, "")
