"""Webhook and operator in their images, as a kubelet runs them, against a real API server.

Figures are printed at the end of the run; docs/reference/images.md has those of a machine at rest.
"""

import json
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from cutline_testbed import Testbed, components, install
from cutline_testbed.cutline_processes import CutlineProcesses, account_kubeconfig, config_file
from cutline_testbed.images import ImageArchives
from cutline_testbed.ports import HOST
from cutline_testbed.probes import http_ok
from tests.e2e.login import Login
from tests.e2e.waiting import await_true
from tests.images.container import Container

pytestmark = [pytest.mark.e2e, pytest.mark.images]

ROOT = Path(__file__).parents[2]
NAME = "images"
READY_S = 2.0
GRACE_S = 10.0  # the chart allows 30, of which preStop takes some
# A limit is a guard against a leak, not a target: what is measured must stay well below.
MOST_OF_LIMIT = 0.6
NAMESPACE = "image-load"
BIG_KB = 700
OURS = f"/apis/cutline.dev/v1alpha1/namespaces/{NAMESPACE}"
PROPOSALS = 40  # more are refused
TARGET = {"group": "apps", "kind": "Deployment", "name": "small"}
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    """Cutline installed by its chart, its two processes ended: the images take their places."""
    bed = Testbed(NAME)
    bed.start()
    try:
        install(bed)
        for name in (components.WEBHOOK, components.OPERATOR):
            bed.stop_component(name)
        yield bed
    finally:
        bed.clean()


@pytest.fixture
def container(testbed: Testbed, built: ImageArchives, component: str, tmp_path: Path) -> Iterator[Container]:
    """Not yet started; with the chart's configuration and the credentials of its service account."""
    settings = tmp_path / "settings"
    settings.mkdir()
    shutil.copyfile(config_file(testbed.layout), settings / "config.yaml")
    shutil.copyfile(account_kubeconfig(testbed.layout, f"cutline-{component}"), settings / "kubeconfig")
    made = Container(
        f"cutline-{testbed.name}-{component}",
        built.archive(component),
        tmp_path / "container",
        mounts={"/etc/cutline": settings},
        environment={"KUBECONFIG": "/etc/cutline/kubeconfig"},
    )
    made.folder.mkdir()
    yield made
    made.remove()


def start(container: Container, testbed: Testbed, component: str) -> None:
    """With the chart's arguments, on the testbed's ports."""
    ports = testbed.state.ports
    arguments = ["--config", "/etc/cutline/config.yaml", "--metrics-listen", f"{HOST}:{ports[f'{component}-metrics']}"]
    if component == "webhook":
        arguments += ["--listen", f"{HOST}:{ports['webhook']}"]
    container.start(*arguments)


def await_ready(container: Container, testbed: Testbed, component: str) -> None:
    port = testbed.state.ports[f"{component}-metrics"]
    container.await_ready(lambda: http_ok(port, "/readyz"))


def test_it_needs_less_than_two_seconds_of_a_processor_until_it_is_ready(
    container: Container, testbed: Testbed, component: str, figures: list[str]
) -> None:
    start(container, testbed, component)
    await_ready(container, testbed, component)
    # How old it is by then is for the reader: a busy machine's disk and API server keep it waiting, too.
    age, waited, used = container.times()
    figures.append(
        f"{component}: ready after {age:.2f}s, {waited:.2f}s of it waiting for a processor, {used:.2f}s used"
    )
    assert used < READY_S


def test_sigterm_ends_it_in_order(container: Container, testbed: Testbed, component: str, figures: list[str]) -> None:
    start(container, testbed, component)
    await_ready(container, testbed, component)
    told = time.monotonic()
    container.signal(signal.SIGTERM)
    assert container.await_end() == 0, container.log.read_text()
    took = time.monotonic() - told
    figures.append(f"{component}: ended {took:.2f}s after SIGTERM")
    assert took < GRACE_S
    log = container.log.read_text()
    assert "Traceback" not in log
    last = json.loads(log.splitlines()[-1])["message"]
    assert last in ("stopping", "ending")


def test_it_has_no_rights_and_cannot_write(container: Container, testbed: Testbed, component: str) -> None:
    start(container, testbed, component)
    await_ready(container, testbed, component)
    status = container.run_inside("python3", "-c", "print(open('/proc/1/status').read())")
    assert re.search(r"^Uid:\s+65532\s+65532\s+65532\s+65532$", status, re.M)
    assert re.search(r"^CapEff:\s+0+$", status, re.M)
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.M)
    tried = "import os\ntry: open('/opt/x', 'w')\nexcept OSError as e: print(e.strerror)"
    assert container.run_inside("python3", "-c", tried).strip() in ("Read-only file system", "Permission denied")


def test_its_memory_stays_far_below_the_charts_limit(
    container: Container, testbed: Testbed, component: str, figures: list[str]
) -> None:
    start(container, testbed, component)
    await_ready(container, testbed, component)
    idle = container.memory_kib() / 1024
    if component == "webhook":
        big_reviews(testbed)
    else:
        proposals(testbed)
    most = container.memory_kib("VmHWM") / 1024
    figures.append(f"{component}: {idle:.0f} MiB idle, {most:.0f} MiB at most under load")
    assert most < MOST_OF_LIMIT * limit_mib(component)


def limit_mib(component: str) -> int:
    values = yaml.safe_load((ROOT / "charts/cutline/values.yaml").read_text())
    return int(values[component]["resources"]["limits"]["memory"].removesuffix("Mi"))


def big_reviews(testbed: Testbed) -> None:
    """Changes of an object nearly as big as etcd takes them, several at a time, all of them denied."""
    make_namespace(testbed)
    agent = Login(testbed.kubeconfig("agent"))
    agent.send("POST", DEPLOYMENTS, deployment("big", BIG_KB)).must_pass()
    lower = {"spec": {"replicas": 1, "template": {"metadata": {"annotations": {"changed": "too"}}}}}
    answers = []

    def send() -> None:
        for _ in range(4):
            path = f"{DEPLOYMENTS}/big?dryRun=All"
            answers.append(agent.send("PATCH", path, lower, "application/merge-patch+json"))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 32
    for answer in answers:
        answer.must_be_refused("needs a signed proposal")


def proposals(testbed: Testbed) -> None:
    """As many as an actor may have in a namespace, each of them signed: the operator keeps what it watches."""
    admin, webhook = Login(testbed.kubeconfig("admin")), CutlineProcesses(testbed)
    webhook.start_webhook()
    webhook.await_gate()
    make_namespace(testbed)
    agent, alice = Login(testbed.kubeconfig("agent")), Login(testbed.kubeconfig("alice"))
    agent.send("POST", DEPLOYMENTS, deployment("small", 1)).must_pass()
    for number in range(PROPOSALS):
        lower = {"action": "ScaleDown", "target": TARGET, "scaleDown": {"replicas": 1}, "why": {"summary": "a load"}}
        made = agent.send("POST", f"{OURS}/remediationproposals", own("RemediationProposal", number, lower)).must_pass()
        sign = {"proposal": f"load-{number}", "digest": made["spec"]["digest"], "decision": "Approve", "reason": "load"}
        alice.send("POST", f"{OURS}/signoffs", own("Signoff", number, sign)).must_pass()
    last = f"{OURS}/remediationproposals/load-{PROPOSALS - 1}"
    await_true(lambda: bool(admin.send("GET", last).body.get("status")), "the operator had seen them all")
    webhook.stop_webhook()


def own(kind: str, number: int, spec: Mapping[str, object]) -> dict[str, object]:
    return {"apiVersion": "cutline.dev/v1alpha1", "kind": kind, "metadata": {"name": f"load-{number}"}, "spec": spec}


def make_namespace(testbed: Testbed) -> None:
    admin = Login(testbed.kubeconfig("admin"))
    labels = {"cutline.dev/line": "production"}
    made = admin.send("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE, "labels": labels}})
    assert made.passed or made.status == 409, made.message
    await_true(
        lambda: admin.send("GET", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default").passed,
        "the namespace was usable",
    )


def deployment(name: str, kilobytes: int) -> dict[str, object]:
    variables = [{"name": f"V{number}", "value": "x" * 1000} for number in range(kilobytes)]
    container = {"name": "web", "image": "web:1", "env": variables}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    spec = {"replicas": 3, "paused": True, "selector": {"matchLabels": {"app": name}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}
