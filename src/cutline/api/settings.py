"""The installation's settings: the one file that webhook and operator both read.

The chart writes it from its values into the ConfigMap `cutline-config`.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import yaml

from cutline.api.fields import Fields
from cutline.api.requirements import optional_duration
from cutline.domain.duration import parse_duration
from cutline.domain.errors import BadObject
from cutline.domain.exempt import BUILT_IN, ExemptIdentity, additional
from cutline.domain.request import Operation
from cutline.domain.tree import JsonObject
from cutline.domain.user import HumanPredicate, service_account

_EXEMPTIBLE = frozenset({Operation.CREATE, Operation.UPDATE, Operation.DELETE})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How the API server reaches the webhook: by `external_url`, else through the Service.

    `client_ca` (PEM) is empty unless the API server must show a client certificate whose
    name is one of `client_names` (any name that CA signed, where that is empty).
    """

    external_url: str
    service_name: str
    service_port: int
    client_ca: str
    client_names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Owner:
    """The cluster-scoped object of the release that owns the webhook configurations."""

    api_version: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class StarterPolicy:
    """The policy that is made once, when the gate first stands."""

    is_enabled: bool
    name: str
    spec: JsonObject


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what is over stays in the cluster."""

    finished_proposals: timedelta
    admitted_changes: timedelta


class CertificateOrigin(StrEnum):
    """Where the webhook's certificate comes from."""

    OPERATOR = "Operator"
    CERT_MANAGER = "CertManager"
    SECRET = "Secret"  # noqa: S105 - a name of the kind


@dataclass(frozen=True, slots=True)
class CertificateSettings:
    """The webhook's certificate: who makes it, and how patient its replacement is.

    `secret` names the Secret that holds it, empty where the operator makes it. `ca_bundle` (PEM), where it
    is not empty, stands for that Secret's ca.crt. `announce_for` is what API servers are given to learn of
    a new authority, `trust_former_for` what replicas are given to serve a new certificate. `renew_before` is how
    long before its end cert-manager replaces it, None where somebody else does or nobody says.
    """

    origin: CertificateOrigin
    secret: str
    ca_bundle: str
    announce_for: timedelta
    trust_former_for: timedelta
    renew_before: timedelta | None = None


@dataclass(frozen=True, slots=True)
class InstallationSettings:
    """Everything that one installation decides about itself.

    `webhook_user` and `operator_user` are the user names of its two service accounts.
    """

    namespace: str
    webhook_user: str
    operator_user: str
    humans: HumanPredicate
    exempt: tuple[ExemptIdentity, ...]
    endpoint: Endpoint
    owner: Owner
    starter_policy: StarterPolicy
    retention: Retention
    certificates: CertificateSettings


def load_settings(text: str) -> InstallationSettings:
    """The settings in a file's text; raises `BadObject` naming the key that is wrong."""
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadObject("config.yaml", f"is not YAML: {error}") from error
    fields = Fields(tree)
    namespace = fields.text("namespace")
    return InstallationSettings(
        namespace=namespace,
        webhook_user=service_account(namespace, fields.text("webhookServiceAccount")),
        operator_user=service_account(namespace, fields.text("operatorServiceAccount")),
        humans=HumanPredicate(frozenset(fields.child("humans").texts("userGroups"))),
        exempt=(*BUILT_IN, *(_exempt(row) for row in fields.children("exempt"))),
        endpoint=_endpoint(fields.child("webhook")),
        owner=_owner(fields.child("owner")),
        starter_policy=_starter_policy(fields.child("starterPolicy")),
        retention=_retention(fields.child("retention")),
        certificates=_certificates(fields.child("certificates")),
    )


def _exempt(fields: Fields) -> ExemptIdentity:
    keys = ("username", "operation", "resource")
    row = {key: fields.text(key) for key in keys}
    row |= {key: fields.text(key, "") for key in ("group", "subresource")}
    # Nothing of the gate is asked about a CONNECT: such a row could only look as if it let something through.
    if row["operation"] not in _EXEMPTIBLE:
        raise BadObject(fields.path("operation"), "must be CREATE, UPDATE or DELETE")
    return additional(row)


def _endpoint(fields: Fields) -> Endpoint:
    service = fields.child("service")
    return Endpoint(
        external_url=fields.text("externalURL", "").rstrip("/"),
        service_name=service.text("name", "cutline-webhook"),
        service_port=service.integer("port", 443),
        client_ca=fields.text("clientCA", ""),
        client_names=frozenset(fields.texts("clientNames")),
    )


def _owner(fields: Fields) -> Owner:
    return Owner(fields.text("apiVersion"), fields.text("kind"), fields.text("name"))


def _starter_policy(fields: Fields) -> StarterPolicy:
    is_enabled = fields.truth("enabled")
    spec: JsonObject = fields.tree("spec") if is_enabled else {}
    return StarterPolicy(is_enabled, fields.text("name", "production"), spec)


def _retention(fields: Fields) -> Retention:
    def period(key: str, default: str) -> timedelta:
        return parse_duration(fields.text(key, default), fields.path(key))

    return Retention(period("finishedProposals", "168h"), period("admittedChanges", "2160h"))


def _certificates(fields: Fields) -> CertificateSettings:
    def period(key: str, default: str) -> timedelta:
        return parse_duration(fields.text(key, default), fields.path(key))

    origin = fields.enum("from", CertificateOrigin, CertificateOrigin.OPERATOR)
    secret = fields.text("secretName", "")
    if bool(secret) is (origin is CertificateOrigin.OPERATOR):
        rule = "must be empty where" if secret else "must name the Secret with the certificate unless"
        raise BadObject(fields.path("secretName"), f"{rule} certificates.from is {CertificateOrigin.OPERATOR.value}")
    return CertificateSettings(
        origin=origin,
        secret=secret,
        ca_bundle=fields.text("caBundle", ""),
        announce_for=period("announceFor", "1m"),
        trust_former_for=period("trustFormerFor", "5m"),
        renew_before=optional_duration(fields, "renewBefore") if origin is CertificateOrigin.CERT_MANAGER else None,
    )
