"""The release's life on real nodes: installed, upgraded from the previous version, rolled back, uninstalled and
installed again, each while clients keep changing things.

One story in the order below: each test goes on from where the one before it must have come to.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from cutline_testbed import install
from cutline_testbed.helm import chart
from cutline_webhook.drafting import DRAFT_LABEL
from tests.e2e.cluster import SYSTEM, Cluster, Outcome
from tests.e2e.waiting import await_true
from tests.node.load import SteadyLoad
from tests.node.pods import PodReplicas
from tests.node.previous import load_previous_images, previous_chart, previous_version
from tests.node.release import Release
from tests.node.trial import Trials

pytestmark = pytest.mark.node

_CHANGED = ("remediationproposals", "signoffs")
COLLECTED_WITHIN_S = 120.0
_KEPT = ("RemediationProposal", "Signoff", "AdmittedChange", "ReversibilityPolicy")
_COLUMNS = "    additionalPrinterColumns:\n"
_ONE_MORE = "    - name: Note\n      type: string\n      jsonPath: .metadata.labels.note\n"


@pytest.fixture(scope="module")
def release(standing_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """A cluster in which nothing of ours is left; the tests after these find it as they know it."""
    release = Release(standing_cluster, tmp_path_factory.mktemp("release") / "values.json")
    load_previous_images(standing_cluster.testbed)
    release.uninstall("--purge")
    standing_cluster.kubectl("admin", "delete", "namespace", SYSTEM).must_pass()
    yield release
    install(standing_cluster.testbed)


@pytest.fixture(scope="module")
def before(release: Release) -> set[str]:
    """All that is in the cluster without Cutline."""
    return release.everything()


@pytest.fixture(scope="module")
def trials(standing_cluster: Cluster, release: Release, before: set[str], lines: list[str]) -> Iterator[Trials]:
    replicas = PodReplicas(standing_cluster)
    trials = Trials(standing_cluster, replicas, 2, lines)
    yield trials
    install(standing_cluster.testbed)
    trials.close()
    replicas.close()


@pytest.fixture(scope="module")
def next_chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout's chart with two of our definitions changed, as a later version may bring them."""
    folder = tmp_path_factory.mktemp("next") / "cutline"
    shutil.copytree(chart(), folder)
    for plural in _CHANGED:
        path = folder / "templates" / "crds" / f"{plural}.cutline.dev.yaml"
        assert _COLUMNS in path.read_text()
        path.write_text(path.read_text().replace(_COLUMNS, _COLUMNS + _ONE_MORE, 1))
    return folder


def with_definitions(release: Release, path: Path, command: Callable[[], Outcome]) -> Callable[[SteadyLoad], None]:
    """A disturbance: a chart's definitions, signed beforehand, and then one command, which must succeed."""

    def disturb(_: SteadyLoad) -> None:
        release.bring_definitions(path)
        command().must_pass()

    return disturb


def _version() -> str:
    return str(yaml.safe_load((chart() / "Chart.yaml").read_text())["version"])


def _gate_stands(cluster: Cluster) -> bool:
    return bool(cluster.get("validatingwebhookconfiguration", "cutline-gate"))


def _columns(cluster: Cluster) -> set[str]:
    """Which of the changed definitions have the new column."""
    trees = {plural: cluster.get("crd", f"{plural}.cutline.dev") for plural in _CHANGED}
    return {
        plural
        for plural, tree in trees.items()
        if any(column["name"] == "Note" for column in tree["spec"]["versions"][0]["additionalPrinterColumns"])
    }


def test_an_installation_holds_nobody_up(trials: Trials, release: Release, standing_cluster: Cluster) -> None:
    def first_install(load: SteadyLoad) -> None:
        release.install(previous_chart()).must_pass()
        await_true(lambda: _gate_stands(standing_cluster), "the gate stood")
        load.await_round()

    trials.run_ungated(f"installed {previous_version()}", first_install, wanted=2)
    assert release.version() == previous_version()


def test_an_upgrade_from_the_previous_version(trials: Trials, release: Release) -> None:
    trials.run("upgraded from it", with_definitions(release, chart(), release.upgrade))
    assert release.version() == _version()


def test_a_rollback_to_the_previous_version(trials: Trials, release: Release) -> None:
    trials.run("rolled back to it", with_definitions(release, previous_chart(), release.rollback))
    assert release.version() == previous_version()
    trials.run("upgraded again", with_definitions(release, chart(), release.upgrade))
    assert release.version() == _version()


def test_an_upgrade_that_changes_our_definitions_is_signed_and_run_again(
    trials: Trials, release: Release, standing_cluster: Cluster, next_chart: Path
) -> None:
    cluster = standing_cluster

    def upgrade_with_signatures(_: SteadyLoad) -> None:
        release.upgrade(next_chart).must_be_refused("needs a signed proposal", *_CHANGED)
        assert _columns(cluster) == set()
        await_true(lambda: len(_drafts(cluster)) == 2, "each refused change was drafted")
        for name in _drafts(cluster):
            cluster.run(
                "alice", "kubectl", "cutline", "approve", name, "-n", SYSTEM, "--reason", "read", "--yes"
            ).must_pass()
        release.upgrade(next_chart).must_pass()

    trials.run("upgraded with other definitions", upgrade_with_signatures)
    assert _columns(cluster) == set(_CHANGED)


def test_going_back_to_our_earlier_definitions_is_signed_too(
    trials: Trials, release: Release, standing_cluster: Cluster
) -> None:
    """Though what was drafted for the way there is used, and stays for the record."""
    cluster, used = standing_cluster, _drafts(standing_cluster)

    def roll_back(_: SteadyLoad) -> None:
        release.upgrade().must_be_refused("needs a signed proposal", *_CHANGED)
        await_true(lambda: len(_drafts(cluster) - used) == 2, "each refused change was drafted")
        for name in _drafts(cluster) - used:
            cluster.sign("alice", name, SYSTEM).must_pass()
        release.upgrade().must_pass()

    trials.run("back to the earlier definitions", roll_back)
    assert _columns(cluster) == set()


def _drafts(cluster: Cluster) -> set[str]:
    """What the gate itself proposed of definitions, out of what it refused."""
    proposals = cluster.items("rprop", "-n", SYSTEM, "-l", DRAFT_LABEL)
    return {item["metadata"]["name"] for item in proposals if item["spec"]["target"]["kind"].startswith("CustomRes")}


def test_an_uninstallation_holds_nobody_up_and_leaves_what_the_documentation_names(
    trials: Trials, release: Release, standing_cluster: Cluster, before: set[str]
) -> None:
    cluster = standing_cluster
    records = _records(cluster)
    trials.run_ungated("uninstalled", lambda _: release.uninstall(), wanted=0)
    # The garbage collector takes the webhook configurations and whatever else the operator made.
    left, deadline = _unexpected(release, before, trials), time.monotonic() + COLLECTED_WITHIN_S
    while left and time.monotonic() < deadline:
        left = _unexpected(release, before, trials)
    assert left == set()
    assert _records(cluster) == records


def _records(cluster: Cluster) -> set[str]:
    kinds = ("rprop", "signoffs", "admittedchanges", "revpol")
    return {item["metadata"]["uid"] for kind in kinds for item in cluster.items(kind, "-A")}


def _unexpected(release: Release, before: set[str], trials: Trials) -> set[str]:
    """What is there that was not before, but for the load's own objects and what docs/howto/uninstall.md names."""
    shop = trials.shop
    loads = {shop.gated, shop.leaving, shop.free}
    left = set()
    for entry in release.everything() - before:
        kind, _, path = entry.partition(" ")
        namespace, _, name = path.partition("/")
        is_loads = loads & {namespace, name} or kind == "Node"
        is_named = kind in _KEPT or (kind == "CustomResourceDefinition" and name.endswith(".cutline.dev"))
        if not is_loads and not is_named:
            left.add(entry)
    return left - {
        f"Namespace /{SYSTEM}",
        f"ServiceAccount {SYSTEM}/default",
        f"ConfigMap {SYSTEM}/kube-root-ca.crt",
        # The API server's own note of the definitions.
        "APIService /v1alpha1.cutline.dev",
    }


def test_installed_again_it_knows_what_was_used_before(
    trials: Trials, release: Release, standing_cluster: Cluster
) -> None:
    cluster = standing_cluster
    known = _records(cluster)

    def second_install(load: SteadyLoad) -> None:
        release.install().must_pass()
        await_true(lambda: _gate_stands(cluster), "the gate stood")
        load.await_round()

    trials.run_ungated("installed again", second_install, wanted=2)
    assert known <= _records(cluster)
    trials.run("in service again", lambda load: load.await_round())
