"""The content of an object, freed of everything that does not mean anything.

Two objects that mean the same have equal content, whatever client, verb or API
version sent them. What is dropped is named here, field by field; everything else
counts, so that a field nobody thought of is a difference and not a gap.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cutline.domain.kind import DEPLOYMENT, REPLICA_SET, Kind, Role
from cutline.domain.tree import JsonObject

# Who wrote an object and when is the server's to say; labels, annotations, owner
# references and finalizers are people's.
_METADATA_THAT_MEANS = ("labels", "annotations", "ownerReferences", "finalizers")
# What a status may report so that a controller, believing it, takes pods away. It belongs to
# the content, for a report that somebody else makes is a change like any other.
FINISHED = frozenset({"Succeeded", "Failed"})
_ANNOTATION_OF_APPLY = "kubectl.kubernetes.io/last-applied-configuration"
_ANNOTATIONS_OF_THE_CONTROLLER = "deployment.kubernetes.io/"
# By these of a ReplicaSet the Deployment controller shares out its pods (deployment_util.go: `IsSaturated`,
# `GetReplicaSetProportion`). It believes them, whoever wrote them; on any other kind they are copies.
SHARE_ANNOTATIONS = tuple(_ANNOTATIONS_OF_THE_CONTROLLER + name for name in ("desired-replicas", "max-replicas"))
# The API server counts templates in it and overrules whatever a client writes (daemonset/strategy.go).
_ANNOTATION_OF_DAEMON_SETS = "deprecated.daemonset.template.generation"
_HASH_LABEL = "pod-template-hash"

# At these paths an empty list or map says the same as none. Elsewhere it need not:
# the empty selector of a disruption budget selects everything, an absent one nothing.
_POD = "spec/template/spec"
_CONTAINERS = (f"{_POD}/containers/*", f"{_POD}/initContainers/*")
_EMPTY_MEANS_ABSENT: Mapping[Role, frozenset[str]] = {
    Role.WORKLOAD: frozenset(
        ["metadata/" + key for key in _METADATA_THAT_MEANS]
        + ["spec/template/metadata"]
        + ["spec/template/metadata/" + key for key in ("labels", "annotations", "finalizers")]
        + [f"{_POD}/{key}" for key in ("nodeSelector", "tolerations", "imagePullSecrets", "volumes")]
        + [f"{_POD}/{key}" for key in ("initContainers", "hostAliases", "securityContext")]
        + [
            f"{container}/{key}"
            for container in _CONTAINERS
            for key in ("args", "command", "env", "envFrom", "ports", "volumeMounts", "volumeDevices")
        ]
        + [f"{container}/resources{part}" for container in _CONTAINERS for part in ("", "/limits", "/requests")]
    ),
    Role.NODE: frozenset(["spec/taints", *("metadata/" + k for k in _METADATA_THAT_MEANS)]),
}
_EMPTY_METADATA_MEANS_ABSENT = frozenset("metadata/" + key for key in _METADATA_THAT_MEANS)

# `1000m` and `1` are one quantity (apimachinery, `resource.Quantity`).
_QUANTITIES = frozenset(
    f"{container}/resources/{part}/*" for container in _CONTAINERS for part in ("limits", "requests")
)
_MOST_DIGITS = 40
_MOST_EXPONENT = len("e-99")
_QUANTITY_SHAPE = re.compile(r"([+-]?[0-9.]+)(?:([eE][+-]?[0-9]+)|([numkMGTPE]|[KMGTPE]i)?)")
_SUFFIXES = {
    **{
        unit: Decimal(1000) ** power for power, unit in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), -3)
    },
    **{unit + "i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
}


def content_of(kind: Kind, tree: JsonObject) -> JsonObject:
    """What of an object people mean: no identity, no server's bookkeeping, of the status next to nothing."""
    content = {key: value for key, value in tree.items() if key not in ("apiVersion", "kind", "status")}
    # A node's first mark is a change of that mark, not of the whole spec that came with it.
    content["spec"] = content.get("spec") or {}
    metadata = tree.get("metadata") or {}
    content["metadata"] = {
        key: _annotations(kind, metadata[key]) if key == "annotations" else metadata[key]
        for key in _METADATA_THAT_MEANS
        if metadata.get(key)
    }
    content |= _reported(kind, tree.get("status") or {})
    if kind in (DEPLOYMENT, REPLICA_SET):
        content = _without_hash_label(content)
    return _normal_map(content, _RULES[kind.role])


def _reported(kind: Kind, status: JsonObject) -> dict[str, Any]:
    """The part of a status on which controllers end pods: that a pod is over, whether a node is ready."""
    if kind.role is Role.POD:
        phase = status.get("phase")
        return {"status": {"phase": phase} if phase in FINISHED else {}}
    if kind.role is Role.NODE:
        return {"status": {"conditions": _readiness(status.get("conditions") or ())}}
    return {}


def _readiness(conditions: Iterable[JsonObject]) -> dict[str, Any]:
    """The condition Ready; where it stands twice, what is worst: each reader takes the first that it meets."""
    said = [one.get("status") for one in conditions if one.get("type") == "Ready"]
    return {"Ready": next((status for status in said if status != "True"), "True")} if said else {}


def template_content(kind: Kind, template: JsonObject) -> JsonObject:
    """The normal form of a pod template on its own, as a revision of a workload of `kind` stores it."""
    holder: dict[str, Any] = {"spec": {"template": template}}
    if kind in (DEPLOYMENT, REPLICA_SET):
        holder = _without_hash_label(holder)
    normal = _normal_map(holder, _RULES[Role.WORKLOAD])
    result: JsonObject = (normal.get("spec") or {}).get("template") or {}
    return result


def _annotations(kind: Kind, annotations: Mapping[str, str]) -> dict[str, str]:
    kept = SHARE_ANNOTATIONS if kind is REPLICA_SET else ()
    return {
        key: value
        for key, value in annotations.items()
        if key in kept
        or (
            key not in (_ANNOTATION_OF_APPLY, _ANNOTATION_OF_DAEMON_SETS)
            and not key.startswith(_ANNOTATIONS_OF_THE_CONTROLLER)
        )
    }


def _without_hash_label(content: JsonObject) -> dict[str, Any]:
    """The content without the label that the Deployment controller adds to each template."""
    result = dict(content)
    template = (result.get("spec") or {}).get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    if _HASH_LABEL in labels:
        kept = {key: value for key, value in labels.items() if key != _HASH_LABEL}
        metadata = {**template["metadata"], "labels": kept}
        result["spec"] = {**result["spec"], "template": {**template, "metadata": metadata}}
    return result


@dataclass(frozen=True, slots=True)
class _Rule:
    """What the tables say about one path, and about those below it (`*`: any key or item)."""

    below: dict[str, "_Rule"]
    empty_means_absent: bool = False
    is_quantity: bool = False


def _rule(empty: frozenset[str], quantities: frozenset[str], path: str = "") -> _Rule:
    """The tables as a tree, so that an object is walked once beside it."""
    prefix = path + "/" if path else ""
    rest = {listed[len(prefix) :] for listed in empty | quantities if listed.startswith(prefix)}
    keys = {listed.split("/")[0] for listed in rest}
    below = {key: _rule(empty, quantities, prefix + key) for key in sorted(keys)}
    return _Rule(below, path in empty, path in quantities)


_NO_RULE = _Rule({})


def _normal(value: Any, rule: _Rule) -> Any:
    """A JSON value without nulls, and without the emptiness that means nothing."""
    if isinstance(value, dict):
        return _normal_map(value, rule)
    if isinstance(value, list):
        below = rule.below.get("*", _NO_RULE)
        return [_normal(item, below) for item in value]
    return canonical_quantity(str(value)) if rule.is_quantity else value


def _normal_map(value: dict[str, Any], rule: _Rule) -> dict[str, Any]:
    result = {}
    for key, child in value.items():
        if child is None:
            continue
        below = rule.below.get(key) or rule.below.get("*") or _NO_RULE
        normal = _normal(child, below)
        if normal or not below.empty_means_absent or normal not in ({}, []):
            result[key] = normal
    return result


def canonical_quantity(text: str) -> str:
    """A quantity as one plain decimal number, so that equal amounts are equal texts.

    What is no quantity is returned as it is: it compares equal only to itself.
    """
    match = _QUANTITY_SHAPE.fullmatch(text)
    if match is None:
        return text
    number, exponent, suffix = match.groups()
    if len(number) > _MOST_DIGITS or len(exponent or "") > _MOST_EXPONENT:
        # No amount of anything: written out it could fill the memory.
        return text
    try:
        amount = Decimal(number + (exponent or "")) * _SUFFIXES[suffix or ""]
    except ArithmeticError:
        return text
    return format(amount.normalize(), "f")


_RULES = {role: _rule(_EMPTY_MEANS_ABSENT.get(role, _EMPTY_METADATA_MEANS_ABSENT), _QUANTITIES) for role in Role}
