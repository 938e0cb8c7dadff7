"""What the chart makes of the three origins of the webhook's certificate."""

from __future__ import annotations

import pytest

from cutline.api.settings import CertificateOrigin, load_settings
from tests.contract import test_chart as chart
from tests.contract.test_chart import CHART, NAMESPACE, Manifest, Render, of_kind, run
from tests.contract.test_chart_permissions import rules

helm = chart.helm
render = chart.render

MANAGED = "certificates.from=CertManager"
BROUGHT = ("certificates.from=Secret", "certificates.secretName=gate-tls")

REFUSED = {
    "no name": (
        BROUGHT[:1],
        "/certificates/secretName",
        "set it, or take the certificate from Operator or CertManager",
    ),
    "a name for nobody": (BROUGHT[1:], "/certificates/secretName", "set certificates.from to Secret"),
    "a Secret of ours": (
        (BROUGHT[0], "certificates.secretName=cutline-ca"),
        "/certificates/secretName",
        "none of those that Cutline itself writes",
    ),
    "a bundle for nobody": (
        ("certificates.caBundle=-----BEGIN CERTIFICATE-----",),
        "/certificates/caBundle",
        "clear certificates.caBundle",
    ),
    "a bundle that is none": ((*BROUGHT, "certificates.caBundle=x"), "/certificates/caBundle", "certificates as PEM"),
    "an issuer for nobody": (
        ("certificates.issuerRef.name=corporate",),
        "/certificates/issuerRef",
        "set certificates.from to CertManager",
    ),
    "an issuer without a name": ((MANAGED, "certificates.issuerRef.kind=Issuer"), "/certificates/issuerRef", "name"),
    "an origin that is none": (
        ("certificates.from=Vault",),
        "/certificates/from",
        "'Operator', 'CertManager', 'Secret'",
    ),
    "no time at all": (("certificates.announceFor=0s",), "/certificates/announceFor", "longer than nothing"),
    "always due": (("certificates.renewBefore=2160h",), "certificates.renewBefore", "less than certificates.duration"),
}


@pytest.mark.parametrize(("values", "place", "text"), REFUSED.values(), ids=REFUSED)
def test_contradictions_are_refused_by_name(helm: str, values: tuple[str, ...], place: str, text: str) -> None:
    sets = [part for value in values for part in ("--set", value)]
    result = run(helm, "template", "cutline", str(CHART), "-n", NAMESPACE, *sets)
    assert result.returncode != 0
    assert place in result.stderr
    assert text in result.stderr


def readable(manifests: list[Manifest], role: str) -> dict[str, set[str]]:
    """Which Secrets a process may use, and how."""
    return {
        name: set(rule["verbs"])
        for kind, of, rule in rules(manifests)
        if (kind, of) == ("Role", role) and rule["resources"] == ["secrets"]
        for name in rule.get("resourceNames", [])
    }


@pytest.mark.parametrize(
    ("values", "secrets"),
    [
        ((), {"cutline-webhook-tls": {"get", "update"}, "cutline-ca": {"get", "update"}}),
        ((MANAGED,), {"cutline-webhook-tls": {"get", "update"}, "cutline-webhook-issued": {"get"}}),
        (BROUGHT, {"cutline-webhook-tls": {"get", "update"}, "gate-tls": {"get"}}),
    ],
    ids=["Operator", "CertManager", "Secret"],
)
def test_each_origin_opens_its_own_secrets_and_no_others(
    render: Render, values: tuple[str, ...], secrets: dict[str, set[str]]
) -> None:
    assert readable(render(*values), "cutline-operator") == secrets
    assert readable(render(*values), "cutline-webhook") == {"cutline-webhook-tls": {"get"}}


@pytest.mark.parametrize(
    ("values", "origin", "secret"),
    [
        ((), CertificateOrigin.OPERATOR, ""),
        ((MANAGED,), CertificateOrigin.CERT_MANAGER, "cutline-webhook-issued"),
        (BROUGHT, CertificateOrigin.SECRET, "gate-tls"),
        # Values of a release that knew none of this, kept with --reuse-values.
        (("certificates=null",), CertificateOrigin.OPERATOR, ""),
    ],
    ids=["Operator", "CertManager", "Secret", "values of before"],
)
def test_the_processes_read_what_was_chosen(
    render: Render, values: tuple[str, ...], origin: CertificateOrigin, secret: str
) -> None:
    text = of_kind(render(*values), "ConfigMap")["cutline-config"]["data"]["config.yaml"]
    found = load_settings(text).certificates
    assert (found.origin, found.secret) == (origin, secret)
    assert (found.announce_for.total_seconds(), found.trust_former_for.total_seconds()) == (60, 300)


def cert_manager_objects(manifests: list[Manifest]) -> set[tuple[str, str]]:
    return {
        (manifest["kind"], manifest["metadata"]["name"])
        for manifest in manifests
        if manifest["apiVersion"].startswith("cert-manager.io/")
    }


def test_cert_manager_gets_objects_only_where_it_is_chosen(render: Render) -> None:
    assert cert_manager_objects(render()) == cert_manager_objects(render(*BROUGHT)) == set()
    assert cert_manager_objects(render(MANAGED)) == {
        ("Issuer", "cutline-self-signed"),
        ("Certificate", "cutline-issuer-ca"),
        ("Issuer", "cutline-issuer"),
        ("Certificate", "cutline-webhook"),
    }
    manifests = render(MANAGED, "certificates.issuerRef.name=corporate", "certificates.issuerRef.kind=ClusterIssuer")
    assert cert_manager_objects(manifests) == {("Certificate", "cutline-webhook")}
    spec = of_kind(manifests, "Certificate")["cutline-webhook"]["spec"]
    assert spec["issuerRef"] == {"name": "corporate", "kind": "ClusterIssuer"}


@pytest.mark.parametrize(
    ("url", "field", "name"),
    [
        ("https://gate.example:9443/x", "dnsNames", "gate.example"),
        ("https://10.0.0.7:9443", "ipAddresses", "10.0.0.7"),
        ("https://[fd00::7]:9443", "ipAddresses", "fd00::7"),
    ],
)
def test_the_certificate_names_what_the_api_server_calls(render: Render, url: str, field: str, name: str) -> None:
    inside = of_kind(render(MANAGED), "Certificate")["cutline-webhook"]["spec"]
    names = ["cutline-webhook.cutline-system.svc", "cutline-webhook.cutline-system.svc.cluster.local"]
    assert (inside["dnsNames"], inside.get("ipAddresses")) == (names, None)
    outside = of_kind(render(MANAGED, f"webhook.externalURL={url}"), "Certificate")["cutline-webhook"]["spec"]
    assert name in outside[field]


def test_endpoints_are_listed_only_where_there_is_a_service(render: Render) -> None:
    def lists(manifests: list[Manifest]) -> bool:
        return any(rule["resources"] == ["endpointslices"] for _, _, rule in rules(manifests))

    assert lists(render())
    assert not lists(render("webhook.externalURL=https://10.0.0.7:9443"))
