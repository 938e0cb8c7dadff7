"""The webhook configurations, built from the installation's settings; nothing is sent from here.

One static set of rules covers every resource that can carry a gated effect, each in one pinned
version. It does not depend on policies: one that is made while the operator is down is in force at
once. Conditions differ from resource to resource, so that there are several webhooks.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cutline.domain import kind as kinds
from cutline.domain.exempt import ExemptIdentity
from cutline.domain.kind import KINDS, Role
from cutline.domain.policy import SCOPE_LABEL
from cutline.domain.request import Operation
from cutline.domain.tree import digest
from cutline_operator import match_conditions as conditions
from cutline_operator.certificate_reading import Certificates, read_bundle, unique
from cutline_operator.match_conditions import Condition
from cutline_operator.own_objects import own_objects
from cutline_operator.owner import Owner
from cutline_operator.rules import Operations, rule, rule_for
from cutline_operator.webhook_address import WebhookAddress

GATE: Final = "cutline-gate"
OUR_KINDS: Final = "cutline-kinds"
CONTENT_ANNOTATION: Final = "cutline.dev/content"
MANAGED_BY: Final = {"app.kubernetes.io/name": "cutline", "app.kubernetes.io/managed-by": "cutline-operator"}

_API_VERSION: Final = "admissionregistration.k8s.io/v1"
_TIMEOUT_SECONDS: Final = 5
PATH_BYTES: Final = 16
_HEX: Final = frozenset("0123456789abcdef")
_CREATE, _UPDATE, _DELETE = Operation.CREATE, Operation.UPDATE, Operation.DELETE


@dataclass(frozen=True, slots=True)
class Connection:
    """How an API server gets to the webhook and whose certificate it is to trust.

    `path` is the secret first segment of the webhook's paths, `bundle` PEM.
    """

    address: WebhookAddress
    path: str
    bundle: str


@dataclass(frozen=True, slots=True)
class Configured:
    """What the stored webhook configurations say about the way to the webhook.

    `bundle` is all that any of them trusts; `path` is empty where none has one of ours.
    """

    bundle: Certificates
    path: str


def gate(connection: Connection, owner: Owner, exempt: Iterable[ExemptIdentity]) -> dict[str, Any]:
    """The ValidatingWebhookConfiguration behind which every gated change is judged."""
    rows = tuple(exempt)
    webhooks = [_judged(gated, connection, rows) for gated in _gated()]
    return _configuration("ValidatingWebhookConfiguration", GATE, owner, webhooks)


def kinds_mutating(connection: Connection, owner: Owner, own_account: str) -> dict[str, Any]:
    """The MutatingWebhookConfiguration that stamps who proposed and who signed."""
    rules = [_our_rule((_CREATE,), "remediationproposals", "signoffs")]
    webhook = _webhook("stamp.kinds.cutline.dev", connection, "kinds/mutate", rules, _not_own(own_account))
    webhook |= {"sideEffects": "None", "reinvocationPolicy": "Never"}
    return _configuration("MutatingWebhookConfiguration", OUR_KINDS, owner, [webhook])


def kinds_validating(connection: Connection, owner: Owner, own_account: str) -> dict[str, Any]:
    """The ValidatingWebhookConfiguration that keeps our own kinds and objects from being tampered with."""
    rules = [
        _our_rule((_CREATE, _UPDATE, _DELETE), "remediationproposals", "signoffs", "admittedchanges"),
        _our_rule((_CREATE, _UPDATE), "reversibilitypolicies"),
        _our_rule(
            (_UPDATE,),
            "remediationproposals/status",
            "admittedchanges/status",
            "reversibilitypolicies/status",
        ),
    ]
    guard = _webhook("guard.kinds.cutline.dev", connection, "kinds/validate", rules, _not_own(own_account))
    own = own_objects(connection.address.namespace, GATE)
    installation = _webhook(
        "installation.kinds.cutline.dev", connection, "kinds/validate", list(own.rules), list(own.matching)
    )
    installation["namespaceSelector"] = own.namespace_selector
    webhooks = [guard, *_beside_our_kinds(connection), installation]
    return _configuration("ValidatingWebhookConfiguration", OUR_KINDS, owner, webhooks)


def _beside_our_kinds(connection: Connection) -> list[dict[str, Any]]:
    """What is not ours, and still decides whether people can object and whether we hear them."""
    quotas = rule("", "v1", (_CREATE, _UPDATE), "resourcequotas")
    usage = rule("", "v1", (_UPDATE,), "resourcequotas/status")
    definitions = rule_for(kinds.DEFINITION, (_UPDATE,), "customresourcedefinitions/status")
    api_services = rule("apiregistration.k8s.io", "v1", (_CREATE, _UPDATE, _DELETE), "apiservices")
    availability = rule("apiregistration.k8s.io", "v1", (_UPDATE,), "apiservices/status")
    return [
        _webhook(f"{name}.kinds.cutline.dev", connection, "kinds/validate", rules, [condition])
        for name, rules, condition in (
            # Where a quota leaves no room for a rejection, nobody can object.
            ("quotas", [quotas], conditions.COUNTS_OUR_KINDS),
            # What is enforced is the status.
            ("usage", [usage], conditions.SAYS_IT_COUNTS_OUR_KINDS),
            # A definition that is not served any more takes every rejection with it.
            ("definitions", [definitions], conditions.OUR_DEFINITIONS_BY_OTHERS),
            # The server that an APIService names answers instead: it would sign for everybody.
            ("apiservices", [api_services, availability], conditions.OUR_OR_BUILT_IN_APIS_BY_OTHERS),
        )
    ]


def _not_own(account: str) -> list[Condition]:
    return [conditions.not_sent_by(account)]


@dataclass(frozen=True, slots=True)
class _Gated:
    """One webhook of the gate: what it is asked about, under which conditions, where."""

    name: str
    rules: tuple[dict[str, Any], ...]
    matching: Condition | None = None
    in_scope_only: bool = True


def _gated() -> Iterable[_Gated]:
    """Namespaces are matched without a selector: on their update it would read the new labels, and
    the webhook would not be asked when the label is taken away.
    """
    workloads = [kind for kind in KINDS if kind.role is Role.WORKLOAD]
    changes = rule_for(kinds.DEPLOYMENT, (_UPDATE,), *(kind.resource for kind in workloads))
    scales = rule_for(kinds.DEPLOYMENT, (_UPDATE,), *(f"{kind.resource}/scale" for kind in workloads if kind.scales))
    deletes = rule_for(kinds.POD, (_DELETE,), "pods")
    evictions = rule_for(kinds.POD, (_CREATE,), "pods/eviction")
    labels = rule_for(kinds.POD, (_UPDATE,), "pods")
    nodes = rule_for(kinds.NODE, (_UPDATE, _DELETE), kinds.NODE.resource)
    namespaces = rule_for(kinds.NAMESPACE, (_UPDATE,), kinds.NAMESPACE.resource)
    # These subresources keep their hands off spec, but let labels through (verified: 1.37); and what
    # they report of pods and nodes is believed by controllers.
    workload_status = rule_for(kinds.DEPLOYMENT, (_UPDATE,), *(f"{kind.resource}/status" for kind in workloads))
    pod_status = rule_for(kinds.POD, (_UPDATE,), "pods/status")
    node_status = rule_for(kinds.NODE, (_UPDATE,), "nodes/status")
    namespace_ends = rule_for(kinds.NAMESPACE, (_UPDATE,), "namespaces/status", "namespaces/finalize")
    policies = rule_for(kinds.POLICY, (_UPDATE, _DELETE), kinds.POLICY.resource)
    definitions = rule_for(kinds.DEFINITION, (_UPDATE, _DELETE), kinds.DEFINITION.resource)
    return (
        _Gated("workloads", (changes,), conditions.WORKLOAD_CHANGES),
        _Gated("scales", (scales,), conditions.FEWER_REPLICAS_OR_OF_REPLICA_SETS),
        _Gated("pods", (deletes,), conditions.NOT_ITS_KUBELET),
        _Gated("evictions", (evictions,)),
        _Gated("podchanges", (labels,), conditions.POD_MAY_GO),
        _Gated("podlabels", (pod_status,), conditions.LABELS_OR_OWNERS_DIFFER_OR_POD_ENDS),
        _Gated("workloadlabels", (workload_status,), conditions.LABELS_OWNERS_OR_SHARES_DIFFER),
        _Gated("nodelabels", (node_status,), conditions.LABELS_DIFFER_OR_NODE_LOST_NOT_BY_KUBELET, in_scope_only=False),
        _Gated("nodes", (nodes,), conditions.DELETED_OR_SPEC_OR_METADATA_DIFFER, in_scope_only=False),
        _Gated("namespaces", (namespaces, namespace_ends), conditions.LABELS_DIFFER, in_scope_only=False),
        _Gated("policies", (policies,), conditions.DELETED_OR_SPEC_DIFFERS, in_scope_only=False),
        _Gated("definitions", (definitions,), conditions.CUTLINES_DELETED_OR_SPEC_DIFFERS, in_scope_only=False),
    )


def _judged(gated: _Gated, connection: Connection, exempt: tuple[ExemptIdentity, ...]) -> dict[str, Any]:
    exempt_here = [row for row in exempt if any(_is_about(rule, row) for rule in gated.rules)]
    matching = [conditions.exempt_identities(exempt_here)] if exempt_here else []
    if gated.matching is not None:
        matching.append(gated.matching)
    webhook = _webhook(f"{gated.name}.gate.cutline.dev", connection, "gate", list(gated.rules), matching)
    if gated.in_scope_only:
        webhook["namespaceSelector"] = {"matchExpressions": [{"key": SCOPE_LABEL, "operator": "Exists"}]}
    return webhook


def _is_about(rule: Mapping[str, Any], row: ExemptIdentity) -> bool:
    resource = f"{row.resource}/{row.subresource}" if row.subresource else row.resource
    return (
        row.operation.value in rule["operations"]
        and row.api_group in rule["apiGroups"]
        and resource in rule["resources"]
    )


def _our_rule(operations: Operations, *resources: str) -> dict[str, Any]:
    return rule_for(kinds.POLICY, operations, *resources)


def _webhook(
    name: str,
    connection: Connection,
    path: str,
    rules: list[dict[str, Any]],
    matching: list[Condition],
) -> dict[str, Any]:
    """One webhook, with every default written out and nothing empty that the API server would drop:
    what it makes of this is not drift.
    """
    webhook: dict[str, Any] = {
        "name": name,
        "clientConfig": _client_config(connection, path),
        "rules": rules,
        "failurePolicy": "Fail",
        "matchPolicy": "Equivalent",
        "sideEffects": "NoneOnDryRun",
        "timeoutSeconds": _TIMEOUT_SECONDS,
        "admissionReviewVersions": ["v1"],
        "namespaceSelector": {},
        "objectSelector": {},
    }
    if matching:
        webhook["matchConditions"] = [condition.as_tree() for condition in matching]
    return webhook


def _client_config(connection: Connection, path: str) -> dict[str, Any]:
    address = connection.address
    bundle = base64.b64encode(connection.bundle.encode()).decode()
    where = f"/{connection.path}/{path}"
    if address.url:
        return {"caBundle": bundle, "url": address.url + where}
    service = {
        "name": address.service,
        "namespace": address.namespace,
        "path": where,
        "port": address.service_port,
    }
    return {"caBundle": bundle, "service": service}


def _configuration(kind: str, name: str, owner: Owner, webhooks: list[dict[str, Any]]) -> dict[str, Any]:
    metadata = {
        "name": name,
        "labels": dict(MANAGED_BY),
        "annotations": {CONTENT_ANNOTATION: digest(webhooks)},
        "ownerReferences": [owner.reference],
    }
    return {"apiVersion": _API_VERSION, "kind": kind, "metadata": metadata, "webhooks": webhooks}


def bundles_of(configuration: Mapping[str, Any]) -> tuple[str, ...]:
    """The certificates (PEM) that each webhook of a stored configuration trusts."""
    return tuple(_bundle_of(webhook) for webhook in configuration.get("webhooks") or ())


def _bundle_of(webhook: Mapping[str, Any]) -> str:
    """Empty where it cannot be read."""
    try:
        return base64.b64decode((webhook.get("clientConfig") or {}).get("caBundle") or "", validate=True).decode()
    except ValueError:
        return ""


def configured_by(configurations: Iterable[Mapping[str, Any]]) -> Configured:
    """What the stored configurations, those that there are, say together."""
    stored = list(configurations)
    bundles = unique(one for tree in stored for bundle in bundles_of(tree) for one in read_bundle(bundle))
    paths = (_path_of(webhook) for tree in stored for webhook in tree.get("webhooks") or ())
    return Configured(bundles, next((path for path in paths if path), ""))


def is_path(text: str) -> bool:
    """Whether this can be the secret segment of the webhook's paths."""
    return len(text) == 2 * PATH_BYTES and set(text) <= _HEX


def _path_of(webhook: Mapping[str, Any]) -> str:
    """The secret segment in one webhook's address; empty where there is none."""
    client = webhook.get("clientConfig") or {}
    address = str(client.get("url") or (client.get("service") or {}).get("path") or "")
    return next((part for part in reversed(address.split("/")) if is_path(part)), "")


def was_edited(stored: Mapping[str, Any]) -> bool:
    """Whether the webhooks of a stored configuration are not those that some operator wrote.

    An operator notes a digest beside them. This tells an upgrade, which changes both, from an
    edit; whoever edits with care can fool it, and is put right all the same.
    """
    annotations = (stored.get("metadata") or {}).get("annotations") or {}
    return annotations.get(CONTENT_ANNOTATION) != digest(stored.get("webhooks") or [])


def drifts(stored: dict[str, Any], wanted: dict[str, Any]) -> tuple[str, ...]:
    """What of a stored configuration is not as wanted, by name; empty when all is well.

    Webhooks are compared whole: somebody who adds a condition or a selector takes something out
    of the gate's sight. Labels, annotations and owners that others add are theirs.
    """
    have = {webhook.get("name"): webhook for webhook in stored.get("webhooks") or []}
    want = {webhook["name"]: webhook for webhook in wanted["webhooks"]}
    found = [name for name in sorted({*have, *want}, key=str) if have.get(name) != want.get(name)]
    metadata, wanted_metadata = stored.get("metadata") or {}, wanted["metadata"]
    for part in ("labels", "annotations"):
        have_part = metadata.get(part) or {}
        if any(have_part.get(key) != value for key, value in wanted_metadata[part].items()):
            found.append(f"metadata.{part}")
    if any(owner not in (metadata.get("ownerReferences") or []) for owner in wanted_metadata["ownerReferences"]):
        found.append("metadata.ownerReferences")
    return tuple(str(name) for name in found)
