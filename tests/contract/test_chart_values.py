"""Which values the chart refuses, what it says then, and that it takes those of the version before."""

from __future__ import annotations

import re
import shutil
import tarfile
from pathlib import Path

import pytest
import yaml

from tests.contract import test_chart as chart
from tests.contract.test_chart import CHART, NAMESPACE, ROOT, run

helm = chart.helm

# What is wrong -> the setting, the value that the message must name, and what it must say.
REFUSED = {
    "nothing answers": ("webhook.replicas=0", "/webhook/replicas", "1 or more while webhook.externalURL is empty"),
    "plain http": ("webhook.externalURL=http://gate.example", "/webhook/externalURL", "by https only"),
    "credentials in url": ("webhook.externalURL=https://me@gate.example", "/webhook/externalURL", "user information"),
    "query in url": ("webhook.externalURL=https://gate.example/?x", "/webhook/externalURL", "nor a query"),
    "names without authority": ("webhook.clientNames={kube-apiserver}", "/webhook/clientNames", "set webhook.clientCA"),
    "authority that is none": ("webhook.clientCA=hello", "/webhook/clientCA", "certificates as PEM"),
    "no time to stop": (
        "webhook.preStopSeconds=30",
        "webhook.preStopSeconds",
        "must be less than webhook.terminationGracePeriodSeconds",
    ),
    "records gone too soon": (
        "retention.admittedChanges=167h",
        "retention.admittedChanges",
        "must not go before the proposal",
    ),
    "rejections gone too soon": ("retention.finishedProposals=59m", "/retention/finishedProposals", "no less than 1h"),
    "minutes that are no hour": ("retention.finishedProposals=0h59m59s", "/retention/finishedProposals", "than 1h"),
    "seconds that are no hour": ("retention.finishedProposals=3599s", "/retention/finishedProposals", "than 1h"),
    "claims gone while they count": ("retention.admittedChanges=24h", "/retention/admittedChanges", "less than 25h"),
    "minutes that are no such claim": ("retention.admittedChanges=1499m", "/retention/admittedChanges", "than 25h"),
    "seconds that are no such claim": ("retention.admittedChanges=89999s", "/retention/admittedChanges", "than 25h"),
    "not a duration": ("retention.finishedProposals=7d", "/retention/finishedProposals", "such as 168h or 1h30m"),
    "no humans": ("humans.userGroups=", "/humans/userGroups", "want array"),
    "humans of any group": ("humans.userGroups={sre,*}", "/humans/userGroups/1", "no wildcards"),
    "system group as humans": (
        "humans.userGroups={system:authenticated}",
        "/humans/userGroups/0",
        "no group of the system",
    ),
    "system group as approvers": (
        "starterPolicy.approverGroups={system:masters}",
        "/starterPolicy/approverGroups/0",
        "no group of the system",
    ),
    "no approval demanded": ("starterPolicy.approvals=0", "/starterPolicy/approvals", "want 1"),
    "unknown enforcement": ("starterPolicy.enforcement=Dany", "/starterPolicy/enforcement", "'Deny', 'Warn', 'Audit'"),
    "name that is none": ("starterPolicy.name=My Policy", "/starterPolicy/name", "lower-case letters"),
    "two operators": ("operator.replicas=2", "/operator/replicas", "want 1"),
    "misspelt": ("webhook.replica=3", "/webhook", "'replica' not allowed"),
    "renamed": ("nameOverride=mine", "at ''", "'nameOverride' not allowed"),
    "image that is none": ("webhook.image.digest=sha256:abc", "/webhook/image/digest", "64 hexadecimal digits"),
    "two tags": ("webhook.image.repository=ours/gate:v1", "/webhook/image/repository", "put the tag into tag"),
    "exempt by prefix": ("exempt[0].username=system:*", "/exempt/0/username", "wildcards are refused"),
    "exempt by group": ("exempt[0].group=*", "/exempt/0/group", "an API group such as apps"),
    "exempt with subresource": ("exempt[0].resource=pods/eviction", "/exempt/0/resource", "goes into subresource"),
    "exempt for any subresource": (
        "exempt[0].subresource=*",
        "/exempt/0/subresource",
        "one subresource, such as scale",
    ),
    "exempt from what is never asked": (
        "exempt[0].operation=CONNECT",
        "/exempt/0/operation",
        "'CREATE', 'UPDATE', 'DELETE'",
    ),
    "tag with a colon": ("webhook.image.tag=v1:2", "/webhook/image/tag", "a tag such as v1.2.3"),
    "unreachable API server": ("networkPolicy.apiServerPorts=null", "at '/networkPolicy'", "'apiServerPorts'"),
    "a Secret that is not named": (
        "certificates.from=Secret",
        "/certificates/secretName",
        "the name of your Secret while certificates.from is Secret",
    ),
    "a Secret that nobody reads": (
        "certificates.secretName=ours",
        "/certificates/secretName",
        "clear certificates.secretName",
    ),
    "a Secret of Cutline's own": (
        "certificates.from=Secret,certificates.secretName=cutline-ca",
        "/certificates/secretName",
        "none of those that Cutline itself writes",
    ),
    "two authorities": (
        "certificates.caBundle=-----BEGIN CERTIFICATE-----",
        "/certificates/caBundle",
        "clear certificates.caBundle",
    ),
    "an issuer that nobody asks": (
        "certificates.issuerRef.name=ours",
        "/certificates/issuerRef",
        "clear certificates.issuerRef",
    ),
    "an issuer without a name": (
        "certificates.from=CertManager,certificates.issuerRef.kind=Issuer",
        "/certificates/issuerRef",
        "missing property 'name'",
    ),
    "a certificate that is always too old": (
        "certificates.renewBefore=2160h",
        "certificates.renewBefore",
        "must be less than certificates.duration",
    ),
    "no time to announce": ("certificates.announceFor=0s", "/certificates/announceFor", "longer than nothing"),
    "a label of the chart's": (
        r"commonLabels.app\.kubernetes\.io/name=ours",
        "/commonLabels/app.kubernetes.io~1name",
        "left out: this label is set by the chart",
    ),
    "a label that grants": (
        r"commonLabels.rbac\.authorization\.k8s\.io/aggregate-to-admin=yes",
        "/commonLabels/rbac.authorization.k8s.io~1aggregate-to-admin",
        "Kubernetes acts on it",
    ),
    "a label of a ReplicaSet's": (
        "webhook.podLabels.pod-template-hash=x",
        "/webhook/podLabels/pod-template-hash",
        "left out",
    ),
    "a label value that is none": ("commonLabels.team=the platform", "/commonLabels/team", "a label value"),
    "an affinity that is none": ("webhook.affinity.node.a=b", "/webhook/affinity", "'node' not allowed"),
    "a port of the privileged": ("webhook.ports.https=443", "/webhook/ports/https", "want 1,024"),
    "one port for two listeners": (
        "webhook.ports.metrics=8443",
        "webhook.ports.metrics",
        "must not be webhook.ports.https",
    ),
    "address that is none": ("listenAddress=::", "/listenAddress", "[::] where pods have IPv6"),
}

ACCEPTED = [
    ("retention.finishedProposals=1h",),
    ("retention.finishedProposals=60m",),
    ("retention.finishedProposals=0h0m3600s",),
    ("retention.finishedProposals=1h", "retention.admittedChanges=25h"),
    ("retention.finishedProposals=1h", "retention.admittedChanges=1500m"),
    ("retention.finishedProposals=1h", "retention.admittedChanges=0h0m90000s"),
    ("webhook.image.repository=registry:5000/ours/gate",),
    ("webhook.image.repository=ours/gate:v1", f"webhook.image.digest=sha256:{'0' * 64}"),
    ("webhook.replicas=0", "webhook.externalURL=https://[fd00::1]:9443/gate"),
    ("webhook.clientNames={kube-apiserver}", "webhook.clientCA=-----BEGIN CERTIFICATE-----"),
    ("humans.userGroups={night shift}", "starterPolicy.approverGroups={oidc:sre}"),
]


@pytest.mark.parametrize(("value", "where", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refuses_with_a_message_that_names_the_value_and_the_fix(
    helm: str, value: str, where: str, message: str
) -> None:
    result = run(helm, "template", "cutline", str(CHART), "--set", value)
    assert result.returncode != 0
    (line,) = [line for line in result.stderr.splitlines() if message in line]
    assert where in line


@pytest.mark.parametrize("values", ACCEPTED, ids=", ".join)
def test_takes_what_is_at_the_edge_of_the_rules(helm: str, values: tuple[str, ...]) -> None:
    sets = [part for value in values for part in ("--set", value)]
    result = run(helm, "template", "cutline", str(CHART), *sets)
    assert result.returncode == 0, result.stderr


def test_no_sentence_is_printed_with_a_backslash() -> None:
    # Helm quotes a constant with apostrophes, and escapes those inside.
    text = (CHART / "values.schema.json").read_text("utf-8")
    assert [sentence for sentence in re.findall(r'"const": "([^"]*)"', text) if "'" in sentence] == []


def test_contradictions_come_one_by_one_in_one_answer(helm: str) -> None:
    result = run(helm, "template", "cutline", str(CHART), "--set", "webhook.replicas=0,webhook.clientNames={a}")
    assert "/webhook/replicas" in result.stderr
    assert "/webhook/clientNames" in result.stderr


def test_every_default_is_known_to_the_schema(helm: str) -> None:
    # Strictness everywhere: a value beside any documented one is refused.
    defaults = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    # But for labels, whose names are the installation's.
    closed = [key for key, value in defaults.items() if isinstance(value, dict) and key != "commonLabels"]
    for key in closed:
        result = run(helm, "template", "cutline", str(CHART), "--set", f"{key}.surprise=1")
        assert "'surprise' not allowed" in result.stderr, key


@pytest.mark.parametrize("archive", sorted(ROOT.glob("tests/previous/*/cutline-*.tgz")), ids=lambda path: path.stem)
def test_an_upgrade_may_reuse_the_values_of_an_earlier_version(helm: str, archive: Path, tmp_path: Path) -> None:
    """`helm upgrade --reuse-values` puts the old release's values in the place of this chart's defaults.

    What is new here is then not set at all: neither schema nor templates may insist on it.
    """
    upgraded = tmp_path / "cutline"
    shutil.copytree(CHART, upgraded)
    with tarfile.open(archive) as opened:
        old = opened.extractfile("cutline/values.yaml")
        assert old is not None
        (upgraded / "values.yaml").write_bytes(old.read())
    result = run(helm, "template", "cutline", str(upgraded), "--namespace", NAMESPACE)
    assert result.returncode == 0, result.stderr
