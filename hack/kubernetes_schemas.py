"""Writes tests/contract/kubernetes_schemas.json: what a real API server says its own kinds look like.

kubeconform judges the chart by it, and needs no network and no cluster for that. The file holds the
kinds that we render or show, from the testbed's API server, without descriptions and with every
object closed to fields that it does not name. A test compares it with the API server's own word.
Run it from the root of the checkout, as `python -m hack.kubernetes_schemas`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cutline_testbed import Testbed

FILE = Path(__file__).resolve().parent.parent / "tests" / "contract" / "kubernetes_schemas.json"
BED = "schemas"

Schema = dict[str, Any]

# (group, version) -> kinds.
KINDS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("", "v1"): ("ConfigMap", "Namespace", "Pod", "Secret", "Service", "ServiceAccount"),
    ("apps", "v1"): ("Deployment",),
    ("policy", "v1"): ("PodDisruptionBudget",),
    ("networking.k8s.io", "v1"): ("NetworkPolicy",),
    ("rbac.authorization.k8s.io", "v1"): ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
    ("flowcontrol.apiserver.k8s.io", "v1"): ("FlowSchema", "PriorityLevelConfiguration"),
    ("apiextensions.k8s.io", "v1"): ("CustomResourceDefinition",),
}

_POINTER = "#/components/schemas/"
# Prose, and what a JSON schema does not know.
_DROPPED = ("description", "default", "format", "x-kubernetes-group-version-kind")


def schemas(get: Callable[[str], Any]) -> Schema:
    """What FILE holds; `get` answers the JSON at a path of the API server."""
    definitions: Schema = {}
    kinds: dict[str, str] = {}
    for (group, version), names in KINDS.items():
        place = f"apis/{group}/{version}" if group else f"api/{version}"
        published = get(f"/openapi/v3/{place}")["components"]["schemas"]
        for name in names:
            root = _published_as(published, group, version, name)
            kinds["-".join(filter(None, (name.lower(), group.partition(".")[0], version)))] = root
            for needed in _closure(published, root):
                definitions[needed] = closed(published[needed])
            identity = definitions[root]["properties"]
            identity["apiVersion"]["enum"] = [f"{group}/{version}" if group else version]
            identity["kind"]["enum"] = [name]
    release = get("/version")["gitVersion"]
    return {"kubernetes": release, "kinds": kinds, "definitions": dict(sorted(definitions.items()))}


def closed(node: Any) -> Any:
    """A schema for a strict reader: no prose, own pointers, no fields but those that are named."""
    if isinstance(node, list):
        return [closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("$ref"), str):
        return {"$ref": node["$ref"].replace(_POINTER, "#/definitions/")}
    kept = {key: value for key, value in node.items() if key not in _DROPPED and not key.startswith("x-")}
    if "properties" in kept:
        # Its keys are names of fields: there may be one called `description`.
        properties = {name: closed(value) for name, value in kept.pop("properties").items()}
        kept = closed(kept)
        kept["properties"] = properties
        if not node.get("x-kubernetes-preserve-unknown-fields"):
            kept.setdefault("additionalProperties", False)
        return kept
    return {key: closed(value) for key, value in kept.items()}


def _published_as(published: Mapping[str, Any], group: str, version: str, kind: str) -> str:
    wanted = {"group": group, "version": version, "kind": kind}
    (name,) = [
        name for name, schema in published.items() if wanted in schema.get("x-kubernetes-group-version-kind", ())
    ]
    return str(name)


def _closure(published: Mapping[str, Any], root: str) -> set[str]:
    """`root` and everything that it is made of."""
    found, waiting = {root}, [root]
    while waiting:
        new = set(_references(published[waiting.pop()])) - found
        found |= new
        waiting += new
    return found


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _references(item)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].removeprefix(_POINTER)
        for value in node.values():
            yield from _references(value)


def as_text(content: Schema) -> str:
    """One definition a line: a new version of Kubernetes is to be read as a difference."""
    head = json.dumps({"kubernetes": content["kubernetes"], "kinds": content["kinds"]}, indent=1)[:-2]
    lines = [f" {json.dumps(name)}: {json.dumps(value)}" for name, value in content["definitions"].items()]
    return head + ',\n "definitions": {\n' + ",\n".join(lines) + "\n}}\n"


def main() -> int:
    """Ask the API server of a testbed made for this, and take it away again."""
    bed = Testbed(BED)
    bed.start()
    try:
        FILE.write_text(as_text(schemas(bed.api().get)), "utf-8")
    finally:
        bed.clean()
    return 0


if __name__ == "__main__":
    sys.exit(main())
