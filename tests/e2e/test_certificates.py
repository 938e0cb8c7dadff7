"""Where the webhook's certificate may come from, and its replacement while requests go on.

On a testbed of its own, whose API server can present a client certificate to webhooks. Under every
replacement, no gated change passes, and nothing that the gate lets pass is held up.
"""

import itertools
import json
import os
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

from cutline_testbed import CutlineProcesses, Testbed, install, programs
from cutline_testbed.cutline_processes import config_file
from cutline_testbed.go_sdk import find_go, go_environment, require_go
from cutline_testbed.helm import chart
from cutline_testbed.state import Options
from cutline_testbed.toolchain import ensure_programs
from tests.e2e.audit_log import AuditTail
from tests.e2e.certificates import CA, GIVEN, TLS, await_blocked, await_settled, in_secret, state, trusted
from tests.e2e.cluster import SYSTEM, Cluster
from tests.e2e.load import Load
from tests.e2e.login import MERGE
from tests.e2e.manifests import CHECKOUT, scale_down
from tests.e2e.rights import OPERATOR, rights_of
from tests.e2e.signers import Signer
from tests.e2e.waiting import SECONDS, await_true
from tests.e2e.webhook_credentials import CALLERS, admission_configuration
from tests.least_rights import Request, not_granted, not_used, requests_of

pytestmark = [pytest.mark.e2e, pytest.mark.processes]

# What large clusters need a minute for, one API server and one webhook on one machine need moments for.
QUICK = {"announceFor": "5s", "trustFormerFor": "10s"}
BY_OPERATOR = {"from": "Operator", "secretName": "", "caBundle": "", **QUICK}
DEFINITIONS = ("certificaterequests", "certificates", "clusterissuers", "issuers")


# As on OpenShift: only who may delete an object may change who owns it.
STRICT_ABOUT_OWNERS = "--enable-admission-plugins=NodeRestriction,OwnerReferencesPermissionEnforcement"


@pytest.fixture(scope="module")
def own_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A testbed whose API server presents a certificate of `CALLERS` to every webhook, and is strict about owners."""
    folder = tmp_path_factory.mktemp("admission")
    argument = f"--admission-control-config-file={admission_configuration(folder)}"
    testbed = Testbed(os.environ.get("CUTLINE_CERTIFICATES_TESTBED", "e2e-certificates"))
    started = testbed.start(Options(nodes=1, api_server_args=(argument, STRICT_ABOUT_OWNERS)))
    try:
        install(testbed)
        yield Cluster(testbed, CutlineProcesses(testbed))
    finally:
        if started:
            testbed.clean()


@pytest.fixture(scope="module")
def workload(own_cluster: Cluster) -> str:
    """A gated namespace with workloads to be changed."""
    _configure(own_cluster, certificates=BY_OPERATOR)
    await_settled(own_cluster)
    namespace = own_cluster.namespace()
    own_cluster.deployment(namespace)
    own_cluster.deployment(namespace, "idle", replicas=0)
    return namespace


# Never one twice in a module: a template of before would be a rollback, and refused as it should be.
_NUMBERS = itertools.count()


@contextmanager
def _undisturbed(cluster: Cluster, namespace: str) -> Iterator[Load]:
    """Requests all the while: none that is gated may pass, and of the others each has to."""
    agent, robot = cluster.login("agent"), cluster.login("robot")
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    load = Load()
    load.keep("gated", lambda: agent.send("PATCH", f"{path}/checkout/scale", {"spec": {"replicas": 2}}, MERGE))
    load.keep("let pass", lambda: robot.send("PATCH", f"{path}/idle", _new(next(_NUMBERS)), MERGE))
    with load:
        load.await_more("gated", 403)
        yield load
        load.await_more("let pass", 200)
    statuses = {name: set(counted) for name, counted in load.statuses.items()}
    assert statuses == {"gated": {403}, "let pass": {200}}, load.said
    assert cluster.replicas(namespace) == 4


def _new(number: int) -> dict[str, Any]:
    return {"spec": {"template": {"metadata": {"annotations": {"number": str(number)}}}}}


def _configure(cluster: Cluster, **values: Any) -> None:
    """Upgrade the release, and give the processes the configuration that it then has, as pods would get it."""
    file = cluster.testbed.layout.cutline / "certificates.yaml"
    file.write_text(yaml.safe_dump(values))
    release = ("helm", "upgrade", "cutline", str(chart()), "-n", SYSTEM, "--reset-then-reuse-values")
    cluster.run("admin", *release, "-f", str(file)).must_pass()
    text = cluster.get("configmap", "cutline-config", SYSTEM)["data"]["config.yaml"]
    if config_file(cluster.testbed.layout).read_text() == text:
        return
    config_file(cluster.testbed.layout).write_text(text)
    cluster.processes.restart_operator()


def _annotate(cluster: Cluster, secret: str, *annotations: str) -> None:
    cluster.kubectl("admin", "annotate", "secret", secret, "-n", SYSTEM, "--overwrite", *annotations).must_pass()


def _told(cluster: Cluster) -> str:
    """The reasons of all events in our namespace."""
    return cluster.kubectl("admin", "get", "events", "-n", SYSTEM, "-o", "jsonpath={..reason}").must_pass().output


def _events(cluster: Cluster) -> set[tuple[str, str]]:
    """The events in our namespace: reason and name, which is another for each occurrence."""
    return {(event["reason"], event["metadata"]["name"]) for event in cluster.items("events", "-n", SYSTEM)}


def _metric(cluster: Cluster, name: str) -> float:
    port = cluster.testbed.state.ports["operator-metrics"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_the_authority_is_replaced_on_demand_while_the_operator_dies(own_cluster: Cluster, workload: str) -> None:
    before = in_secret(own_cluster, CA, "tls.crt")
    with _undisturbed(own_cluster, workload):
        _annotate(own_cluster, CA, "cutline.dev/renew=now")
        await_true(lambda: in_secret(own_cluster, CA, "tls.crt") != before, "there is a new authority")
        await_true(lambda: len(trusted(own_cluster)) > len(before), "both authorities are trusted")
        own_cluster.processes.operator.kill()
        own_cluster.processes.start_operator()
        await_settled(own_cluster)
    assert trusted(own_cluster) == in_secret(own_cluster, CA, "tls.crt")
    end = x509.load_pem_x509_certificate(in_secret(own_cluster, TLS, "tls.crt").encode()).not_valid_after_utc
    assert _metric(own_cluster, "cutline_serving_certificate_expiry_timestamp_seconds") == end.timestamp()
    end = x509.load_pem_x509_certificate(trusted(own_cluster).encode()).not_valid_after_utc
    assert _metric(own_cluster, "cutline_authority_certificate_expiry_timestamp_seconds") == end.timestamp()


def test_deleted_secrets_come_back_and_nobody_notices(own_cluster: Cluster, workload: str) -> None:
    path = in_secret(own_cluster, TLS, "path")
    with _undisturbed(own_cluster, workload) as load:
        own_cluster.kubectl("admin", "delete", "secret", TLS, CA, "-n", SYSTEM).must_pass()
        await_true(lambda: state(own_cluster).get("certificates") == "Rotating", "the operator noticed")
        load.await_more("let pass", 200)
        await_settled(own_cluster)
    assert in_secret(own_cluster, TLS, "path") == path
    assert trusted(own_cluster) == in_secret(own_cluster, CA, "tls.crt")


@pytest.mark.parametrize(
    "configuration",
    [
        "validatingwebhookconfigurations/cutline-gate",
        "validatingwebhookconfigurations/cutline-kinds",
        "mutatingwebhookconfigurations/cutline-kinds",
    ],
)
def test_an_owner_is_put_back_where_only_who_may_delete_can(own_cluster: Cluster, configuration: str) -> None:
    """What the least rights cannot show: to ask whether somebody may delete leaves no trace in the audit log."""
    path = f"/apis/admissionregistration.k8s.io/v1/{configuration}"

    def owners() -> Any:
        return own_cluster.send("admin", "GET", path).must_pass()["metadata"].get("ownerReferences")

    before = owners()
    assert before
    own_cluster.send("admin", "PATCH", path, {"metadata": {"ownerReferences": []}}, MERGE).must_pass()
    await_true(lambda: owners() == before, "its owner was put back")


@pytest.fixture(scope="module")
def cert_manager(own_cluster: Cluster) -> Iterator[None]:
    """The real controllers of cert-manager, with the definitions that its module holds."""
    testbed = own_cluster.testbed
    toolchain = ensure_programs(programs.CERT_MANAGER, testbed.report)
    source = Path(programs.__file__).parents[1] / "toolchain" / programs.CERT_MANAGER.source
    module = subprocess.run(
        [require_go(find_go(), testbed.report), "mod", "download", "-json", "github.com/cert-manager/cert-manager"],
        cwd=source,
        env=go_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    folder = Path(json.loads(module.stdout)["Dir"]) / "deploy" / "crds"
    files = [part for name in DEFINITIONS for part in ("-f", str(folder / f"cert-manager.io_{name}.yaml"))]
    # Too long for the annotation in which apply remembers what it applied.
    own_cluster.kubectl("admin", "apply", "--server-side", *files).must_pass()
    names = [f"crd/{name}.cert-manager.io" for name in DEFINITIONS]
    own_cluster.kubectl("admin", "wait", "--for=condition=Established", "--timeout=30s", *names).must_pass()
    process = testbed.layout.process("cert-manager")
    program = str(toolchain.path("cert-manager-controller"))
    process.start([program, f"--kubeconfig={testbed.kubeconfig('admin')}"])
    try:
        yield
    finally:
        process.stop()


@pytest.fixture
def back_to_the_operator(own_cluster: Cluster) -> Iterator[None]:
    yield
    _configure(own_cluster, certificates=BY_OPERATOR, webhook={"clientCA": "", "clientNames": []})
    await_settled(own_cluster)


@contextmanager
def _every_right_on_secrets_used(cluster: Cluster) -> Iterator[None]:
    """That the operator may no more than it needs where others make the certificate, and needs no more than it may.

    From the moment on at which it has been told; its rights in other matters are the same as ever.
    """
    rights = rights_of(cluster, OPERATOR)
    on_secrets = [right for right in rights if right.resource == "secrets"]
    requests: list[Request] = []
    with AuditTail(cluster.testbed.layout.audit_log("kube-apiserver")) as tail:
        yield
        cluster.kubectl("admin", "delete", "secret", TLS, "-n", SYSTEM).must_pass()

        def are_used() -> bool:
            requests.extend(requests_of(tail.lines(), OPERATOR))
            return not not_used(on_secrets, requests)

        await_true(are_used, f"each of these was used: {sorted(map(str, on_secrets))}")
    assert not not_granted(rights, requests)


@pytest.mark.usefixtures("cert_manager", "back_to_the_operator")
def test_cert_manager_issues_and_replaces(own_cluster: Cluster, workload: str) -> None:
    with _undisturbed(own_cluster, workload):
        _configure(own_cluster, certificates={**BY_OPERATOR, "from": "CertManager"})
        with _every_right_on_secrets_used(own_cluster):
            _await_issued(own_cluster)
            first = in_secret(own_cluster, "cutline-webhook-issued", "ca.crt")
            # Another authority, then a certificate of its, both in one write of cert-manager's.
            _reissue(own_cluster, "cutline-issuer-ca")
            _reissue(own_cluster, "cutline-webhook")
            _await_issued(own_cluster)
    assert trusted(own_cluster).strip() != first.strip()
    assert in_secret(own_cluster, "cutline-issuer-ca", "tls.key") != in_secret(own_cluster, TLS, "tls.key")


def _await_issued(cluster: Cluster) -> None:
    """Wait until what cert-manager issued is served, and its authority alone trusted."""

    def is_done() -> bool:
        issued = cluster.get("secret", "cutline-webhook-issued", SYSTEM).get("data") or {}
        served = cluster.get("secret", TLS, SYSTEM)["data"]
        is_same = issued.get("tls.crt") == served["tls.crt"]
        return is_same and state(cluster).get("certificates") == "Settled"

    await_true(is_done, "the certificate of cert-manager was served")
    assert trusted(cluster).strip() == in_secret(cluster, "cutline-webhook-issued", "ca.crt").strip()


def _reissue(cluster: Cluster, name: str) -> None:
    """What `cmctl renew` does."""
    path = f"/apis/cert-manager.io/v1/namespaces/{SYSTEM}/certificates/{name}"
    certificate = cluster.send("admin", "GET", path).must_pass()
    revision = certificate["status"]["revision"]
    issuing = {
        "type": "Issuing",
        "status": "True",
        "reason": "ManuallyTriggered",
        "message": "asked for by a test",
        "lastTransitionTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    conditions = [*certificate["status"]["conditions"], issuing]
    cluster.send("admin", "PATCH", f"{path}/status", {"status": {"conditions": conditions}}, MERGE).must_pass()
    await_true(
        lambda: cluster.send("admin", "GET", path).must_pass()["status"]["revision"] > revision,
        f"cert-manager issued {name} again",
    )


def _bring(cluster: Cluster, data: dict[str, str]) -> None:
    metadata = {"name": GIVEN, "namespace": SYSTEM}
    secret = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": metadata}
    cluster.apply("admin", {**secret, "stringData": data}).must_pass()


@pytest.mark.usefixtures("back_to_the_operator")
def test_a_certificate_that_was_brought_is_judged_before_it_is_served(own_cluster: Cluster, workload: str) -> None:
    first = Signer("first")
    with _undisturbed(own_cluster, workload):
        _configure(own_cluster, certificates={**BY_OPERATOR, "from": "Secret", "secretName": GIVEN})
        await_blocked(own_cluster, "Missing")
        _bring(own_cluster, {**first.pair("gate", "127.0.0.1"), "tls.key": first.pair("gate")["tls.key"]})
        await_blocked(own_cluster, "KeyMismatch")
        _bring(own_cluster, first.pair("gate", "10.9.9.9"))
        await_blocked(own_cluster, "WrongName")
        _bring(own_cluster, first.pair("gate", "127.0.0.1", left=-timedelta(minutes=1)))
        await_blocked(own_cluster, "Expired")
        assert _metric(own_cluster, 'cutline_certificate_problem{problem="Expired"}') == 1
        _bring(own_cluster, first.pair("gate", "127.0.0.1"))
        await_settled(own_cluster)
    assert trusted(own_cluster) == first.pem
    assert "CertificateProblem" in _told(own_cluster)


@pytest.mark.usefixtures("back_to_the_operator")
def test_a_certificate_that_was_brought_is_replaced(own_cluster: Cluster, workload: str) -> None:
    first, second = Signer("first"), Signer("second")
    before = _events(own_cluster)
    _bring(own_cluster, first.pair("gate", "127.0.0.1"))
    _configure(own_cluster, certificates={**BY_OPERATOR, "from": "Secret", "secretName": GIVEN})
    with _undisturbed(own_cluster, workload), _every_right_on_secrets_used(own_cluster):
        await_true(lambda: trusted(own_cluster) == first.pem, "the first authority alone is trusted")
        # Another authority in the same write, and an end that is near.
        _bring(own_cluster, second.pair("gate", "127.0.0.1", age=timedelta(days=90), left=timedelta(days=9)))
        await_true(lambda: trusted(own_cluster) == second.pem, "the second authority alone is trusted")
    told = {reason for reason, _ in _events(own_cluster) - before}
    assert {"CertificateReplaced", "CertificateExpiring"} <= told
    managers = own_cluster.kubectl("admin", "get", "secret", GIVEN, "-n", SYSTEM, "--show-managed-fields", "-o", "yaml")
    assert "manager: cutline" not in managers.output


@pytest.mark.usefixtures("back_to_the_operator")
def test_only_who_presents_the_right_certificate_is_answered(own_cluster: Cluster, workload: str) -> None:
    def demand(*names: str) -> None:
        _configure(own_cluster, webhook={"clientCA": CALLERS.pem, "clientNames": list(names)})
        own_cluster.processes.restart_webhook()

    def scaled() -> str:
        return own_cluster.kubectl("agent", *("scale", "-n", workload, "deployment/checkout", "--replicas=2")).output

    assert _answers_without_certificate(own_cluster)
    demand("kube-apiserver")
    assert "needs a signed proposal" in scaled()
    assert not _answers_without_certificate(own_cluster)
    # With a certificate that is not enough the API server is nobody; the gate fails closed.
    demand("somebody-else")
    assert "failed calling webhook" in scaled()
    assert own_cluster.replicas(workload) == 4
    demand("kube-apiserver")
    assert "needs a signed proposal" in scaled()
    # The operator, which has none, keeps the configurations all the same.
    _annotate(own_cluster, CA, "cutline.dev/renew=again")
    before = trusted(own_cluster)
    with _undisturbed(own_cluster, workload):
        await_true(lambda: before not in trusted(own_cluster), "the authority was replaced")


def _answers_without_certificate(cluster: Cluster) -> bool:
    """Whether the webhook answers a client that presents none."""
    context = ssl.create_default_context(cadata=trusted(cluster))
    url = f"https://127.0.0.1:{cluster.testbed.state.ports['webhook']}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=SECONDS, context=context) as answer:
            return bool(answer.status)
    except (ssl.SSLError, ConnectionResetError):
        # Under TLS 1.3 the client's own handshake is over by then. Where nobody listens or answers is another matter.
        return False


@pytest.mark.usefixtures("back_to_the_operator")
def test_a_record_says_that_the_caller_was_verified(own_cluster: Cluster) -> None:
    _configure(own_cluster, webhook={"clientCA": CALLERS.pem, "clientNames": ["kube-apiserver"]})
    own_cluster.processes.restart_webhook()
    ns = own_cluster.namespace()
    own_cluster.deployment(ns)
    name = own_cluster.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    own_cluster.kubectl("agent", "scale", "-n", ns, "deployment/checkout", "--replicas=2").must_pass()
    assert [record["spec"]["caller"] for record in own_cluster.admitted(name)] == ["Verified"]
