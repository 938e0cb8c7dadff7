"""What a chart's roles grant to a service account, held against what the audit log says it asked for. Pure.

A role that nobody compares with its use only ever grows. Rules that cannot be compared (wildcards, paths that
are no resources) are refused outright: `Unclear` is raised.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any

Tree = Mapping[str, Any]

FORBIDDEN = "forbid"  # the API server's word in authorization.k8s.io/decision


class Unclear(Exception):
    """A rule of which nobody can say whether all that it grants was used."""


@dataclass(frozen=True, slots=True)
class Account:
    """A service account."""

    namespace: str
    name: str

    @property
    def username(self) -> str:
        return f"system:serviceaccount:{self.namespace}:{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """The smallest thing that a rule grants: one verb on one resource.

    `resource` may have a subresource (pods/eviction). Without a `name` it holds for every object, without a
    `namespace` in every namespace.
    """

    verb: str
    group: str
    resource: str
    name: str = ""
    namespace: str = ""

    def covers(self, asked: "Right") -> bool:
        """Whether who has this right may do what was `asked`."""
        is_same = (self.verb, self.group, self.resource) == (asked.verb, asked.group, asked.resource)
        return is_same and self.name in ("", asked.name) and self.namespace in ("", asked.namespace)

    def __str__(self) -> str:
        what = f"{self.resource}.{self.group}" if self.group else self.resource
        name, where = f"/{self.name}" if self.name else "", f" in {self.namespace}" if self.namespace else ""
        return f"{self.verb} {what}{name}{where}"


@dataclass(frozen=True, slots=True)
class Request:
    """One request of an account about a resource, and whether its roles allowed it.

    What an admission webhook refused afterwards was allowed: the right to ask for it was used.
    """

    asked: Right
    is_allowed: bool
    at: datetime


def granted(manifests: Iterable[Tree], account: Account) -> frozenset[Right]:
    """The rights that these manifests bind to `account`. Raises `Unclear`."""
    trees = list(manifests)
    roles = {
        (tree["kind"], tree["metadata"]["name"]): tree for tree in trees if tree["kind"] in ("Role", "ClusterRole")
    }
    subject = {"kind": "ServiceAccount", "name": account.name, "namespace": account.namespace}
    rights: set[Right] = set()
    for tree in trees:
        if tree["kind"] not in ("RoleBinding", "ClusterRoleBinding") or subject not in tree.get("subjects", ()):
            continue
        role = roles.get((tree["roleRef"]["kind"], tree["roleRef"]["name"]))
        if role is None:
            raise Unclear(f"{tree['kind']} {tree['metadata']['name']} binds a role that is not of the chart")
        namespace = tree["metadata"]["namespace"] if tree["kind"] == "RoleBinding" else ""
        for rule in role["rules"]:
            rights.update(_rights_of(rule, namespace, role["metadata"]["name"]))
    return frozenset(rights)


def _rights_of(rule: Tree, namespace: str, role: str) -> Iterator[Right]:
    if rule.get("nonResourceURLs"):
        raise Unclear(f"{role} grants paths: {rule['nonResourceURLs']}")
    parts = (rule["verbs"], rule["apiGroups"], rule["resources"], rule.get("resourceNames") or [""])
    if any("*" in word for words in parts for word in words):
        raise Unclear(f"{role} has a wildcard: {rule}")
    for verb, group, resource, name in product(*parts):
        yield Right(verb, group, resource, name, namespace)


def requests_of(lines: Iterable[str], account: Account) -> Iterator[Request]:
    """The account's requests in lines of an audit log. Requests about no resource (discovery) are left out."""
    for line in lines:
        if account.username not in line:
            continue
        event = json.loads(line)
        if event["user"]["username"] == account.username and "objectRef" in event:
            yield _request(event)


def _request(event: Tree) -> Request:
    about: Tree = event["objectRef"]
    resource = "/".join(part for part in (about["resource"], about.get("subresource")) if part)
    # Who may create is asked before the new object's name is known; the log fills it in afterwards.
    name = "" if event["verb"] == "create" and "subresource" not in about else about.get("name", "")
    return Request(
        Right(event["verb"], about.get("apiGroup", ""), resource, name, about.get("namespace", "")),
        is_allowed=(event.get("annotations") or {}).get("authorization.k8s.io/decision") != FORBIDDEN,
        at=datetime.fromisoformat(event["requestReceivedTimestamp"]),
    )


def not_granted(rights: Iterable[Right], requests: Iterable[Request]) -> frozenset[Right]:
    """What was asked for and no right covers, whether it was refused or somebody else's binding let it pass.

    What a right does cover may have been refused for a moment, before its role or after its binding was there.
    """
    having = tuple(rights)
    return frozenset(request.asked for request in requests if not any(right.covers(request.asked) for right in having))


def not_used(rights: Iterable[Right], requests: Iterable[Request]) -> frozenset[Right]:
    """The rights that no allowed request had a use for."""
    asked = {request.asked for request in requests if request.is_allowed}
    return frozenset(right for right in rights if not any(right.covers(one) for one in asked))
