"""CLUSTER=existing for real, as far as that goes without images: the cluster is a testbed, given by its kubeconfig.

Its simulated nodes call pods ready that do not run. So Helm's part is real, and the operator's does not happen.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator

import pytest

from cutline_testbed import Options, Testbed
from cutline_testbed.gate import GATE_PATH, NAMESPACE
from tests.testbed.commands import started

pytestmark = pytest.mark.e2e

SECONDS = 300.0
IMAGE = "registry.example/cutline-webhook"
VALUES = f"--set webhook.image.repository={IMAGE} --set-string 'operator.podAnnotations.note=two words'"
CONFIGURATIONS = "validatingwebhookconfigurations,mutatingwebhookconfigurations"

Kubectl = Callable[..., str]


@pytest.fixture(scope="module")
def yours() -> Iterator[Testbed]:
    """A cluster in which nothing of ours runs."""
    bed = Testbed("yours")
    bed.clean()
    bed.start(Options(nodes=1))
    yield bed
    bed.clean()


@pytest.fixture(scope="module")
def kubectl(yours: Testbed) -> Kubectl:
    def run(*arguments: str) -> str:
        done = yours.run_kubectl("admin", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def environment(yours: Testbed) -> dict[str, str]:
    """Of somebody who has a cluster, and kubectl and helm."""
    return {**yours.environment("admin"), "CLUSTER": "existing", "HELM_ARGS": VALUES}


def _output(process: "subprocess.Popen[str]") -> str:
    output = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 0, output
    return output


def _typed(output: str) -> str:
    """The commands that it says to type, with the answer to what is asked."""
    lines = [line for line in output.partition("In a shell:")[2].splitlines() if line.startswith("  ")]
    return "\n".join(f"{line} --yes" if line.endswith("cutline uninstall") else line for line in lines)


def test_helm_installs_into_the_users_cluster_and_the_printed_commands_take_it_away(
    yours: Testbed, kubectl: Kubectl, environment: dict[str, str]
) -> None:
    output = _output(started(yours.name, "up", environment=environment))
    assert "helm test cutline -n cutline-system" in output
    deployments = json.loads(kubectl("get", "deployments", "-n", NAMESPACE, "-o", "json"))["items"]
    webhook, operator = sorted(deployments, key=lambda found: str(found["metadata"]["name"]), reverse=True)
    assert webhook["spec"]["template"]["spec"]["containers"][0]["image"].startswith(f"{IMAGE}:")
    assert operator["spec"]["template"]["metadata"]["annotations"]["note"] == "two words"
    assert webhook["status"]["readyReplicas"] == 2
    # No webhook answers, so nothing may wait for one.
    assert "cutline" not in kubectl("get", CONFIGURATIONS, "-o", "name")
    assert "stays" in _bare(yours)

    # The printed lines say which cluster, too.
    del environment["KUBECONFIG"]
    command = ["bash", "-euc", _typed(output)]
    typed = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert typed.returncode == 0, typed.stdout + typed.stderr
    assert kubectl("get", "deployments", "-n", NAMESPACE, "-o", "name") == ""
    assert "stays" not in _bare(yours)


def _bare(yours: Testbed) -> str:
    """What `up --bare` says of the running testbed."""
    return _output(started(yours.name, "up", "--bare"))


def test_whoever_wants_a_bare_testbed_hears_that_its_gate_is_not_answered(yours: Testbed, kubectl: Kubectl) -> None:
    yours.api().create(
        GATE_PATH.rpartition("/")[0],
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "cutline-gate"},
        },
    )
    try:
        said = _bare(yours)
    finally:
        kubectl("delete", "validatingwebhookconfiguration", "cutline-gate")
    assert "gated changes are refused until `up` without --bare" in said
    assert "make testbed BARE=1 TESTBED_NAME=bare" in said


def test_a_failed_installation_says_how_to_take_the_rest_away(yours: Testbed, environment: dict[str, str]) -> None:
    environment["HELM_ARGS"] = "--set no.such=value"
    process = started(yours.name, "up", environment=environment)
    output = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 1, output
    assert "helm uninstall cutline -n cutline-system" in output
    assert "Additional property no is not allowed" in output or "additional properties 'no' not allowed" in output


def test_the_toolchain_is_found_whatever_the_cluster(yours: Testbed) -> None:
    output = _output(started(yours.name, "toolchain", environment={**os.environ, "CLUSTER": "existing"}))
    assert str(yours.kubectl.parent) in output
