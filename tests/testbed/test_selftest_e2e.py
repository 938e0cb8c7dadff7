"""The testbed itself, for real: up, a workload, down without a trace, up again warm."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cutline_testbed import Testbed
from cutline_testbed.__main__ import INTERRUPTED
from cutline_testbed.waiting import wait_until
from tests.testbed.commands import started

pytestmark = pytest.mark.e2e

NAME = "selftest"
WARM_START_S = 60.0
STARTED_WITHIN_S = 180.0


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    bed = Testbed(NAME)
    bed.clean()
    bed.start()
    yield bed
    bed.clean()


def _ok(run: subprocess.CompletedProcess[str]) -> str:
    assert run.returncode == 0, run.stderr
    return run.stdout


def _processes_of(folder: Path) -> list[str]:
    # Readline, which pytest loads, sets COLUMNS; without -ww lines would be cut before the folder's name.
    listing = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in listing.stdout.splitlines() if f"{folder}/" in line and "pytest" not in line]


def _ready_replicas(bed: Testbed) -> int:
    deployment = json.loads(_ok(bed.run_kubectl("agent", "get", "deployment", "web", "-o", "json")))
    return int(deployment["status"].get("readyReplicas", 0))


def test_pods_of_the_agent_run_on_the_simulated_nodes(testbed: Testbed) -> None:
    _ok(testbed.run_kubectl("agent", "create", "deployment", "web", "--image=web:1", "--replicas=3"))
    wait_until(lambda: _ready_replicas(testbed) == 3, "three pods were ready", 60)
    pods = json.loads(_ok(testbed.run_kubectl("agent", "get", "pods", "-l", "app=web", "-o", "json")))["items"]
    nodes = {pod["spec"]["nodeName"] for pod in pods}
    assert nodes <= {"node-1", "node-2", "node-3"}


@pytest.mark.parametrize(
    ("persona", "username"),
    [("admin", "admin"), ("agent", "system:serviceaccount:agents:ai-sre"), ("robot", "robot"), ("sam", "sam")],
)
def test_the_api_server_knows_the_personas(testbed: Testbed, persona: str, username: str) -> None:
    who = json.loads(_ok(testbed.run_kubectl(persona, "auth", "whoami", "-o", "json")))
    assert who["status"]["userInfo"]["username"] == username


def test_the_agent_may_move_workloads_but_read_no_secret(testbed: Testbed) -> None:
    assert testbed.run_kubectl("agent", "auth", "can-i", "patch", "deployments/scale").returncode == 0
    assert testbed.run_kubectl("agent", "auth", "can-i", "get", "secrets").returncode == 1


def test_any_other_user_can_be_made(testbed: Testbed) -> None:
    testbed.issue_kubeconfig("kubelet-1", "system:node:node-1", ["system:nodes"])
    own = testbed.run_kubectl("kubelet-1", "get", "node", "node-1", "-o", "name")
    assert _ok(own).strip() == "node/node-1"


def test_a_killed_program_is_found_dead_and_started_again(testbed: Testbed) -> None:
    testbed.layout.process("kube-scheduler").kill()
    assert not testbed.is_ready()
    testbed.start_component("kube-scheduler")
    assert testbed.is_ready()


def test_goes_down_without_a_trace_and_comes_back_warm_with_its_data(testbed: Testbed) -> None:
    assert _processes_of(testbed.layout.folder), "the look itself does not work"
    testbed.stop()
    assert all(pid is None for pid in testbed.status().values())
    assert _processes_of(testbed.layout.folder) == []

    before = time.monotonic()
    assert testbed.start() is True
    assert time.monotonic() - before < WARM_START_S
    assert testbed.start() is False
    wait_until(lambda: _ready_replicas(testbed) == 3, "the pods of before were ready", 60)


@pytest.fixture
def interrupted() -> Iterator[Testbed]:
    bed = Testbed(f"{NAME}-interrupted")
    bed.clean()
    yield bed
    bed.clean()


@pytest.mark.parametrize("moment", ["kube-apiserver", "kwok", "cutline-operator"])
def test_a_start_that_is_interrupted_leaves_no_process(interrupted: Testbed, moment: str) -> None:
    """Whether the control plane was on its way or Cutline; each program is one that others come after."""
    up = started(interrupted.name, "up")
    try:
        wait_until(interrupted.layout.process(moment).pid_file.exists, f"{moment} was started", STARTED_WITHIN_S)
        assert _processes_of(interrupted.layout.folder), "nothing was running yet: the test proves nothing"
    finally:
        up.send_signal(signal.SIGINT)
        output = up.communicate(timeout=STARTED_WITHIN_S)[0]
    assert up.returncode == INTERRUPTED, output
    assert _processes_of(interrupted.layout.folder) == [], output
