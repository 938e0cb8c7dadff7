"""What a webhook is asked about: the `rules` of its configuration."""

from typing import Any

from cutline.domain.kind import Kind
from cutline.domain.request import Operation

Operations = tuple[Operation, ...]


def rule(group: str, version: str, operations: Operations, *resources: str) -> dict[str, Any]:
    """One rule; subresources are written `resource/subresource`, as in the API."""
    return {
        "apiGroups": [group],
        "apiVersions": [version],
        "operations": [operation.value for operation in operations],
        "resources": list(resources),
        "scope": "*",
    }


def rule_for(kind: Kind, operations: Operations, *resources: str) -> dict[str, Any]:
    """The same for resources of the group and version of a kind that we know."""
    return rule(kind.group, kind.version, operations, *resources)
