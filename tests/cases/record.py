"""Records the cases anew: `python -m tests.cases.record --name NAME`.

Needs real nodes (root, Linux) and a testbed of its own name without Cutline on it, which it starts and
removes. Every scenario really does what it is about, to pods that really run; what is written is what
the API server sent, what then happened, and what the gate of this checkout says to it.

With `--decide-anew` no cluster is needed: only what the gate says is written again.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from cutline_testbed import Options, Testbed
from cutline_testbed.images import ensure_images
from cutline_testbed.images.provenance import version_of
from cutline_testbed.paths import checkout_root
from cutline_testbed.pki import Authority
from cutline_testbed.recording import Recorded, recording
from tests.cases import scenarios_controllers, scenarios_nodes, scenarios_pods
from tests.cases.case import Case, default_policy, load_cases
from tests.cases.deciding import decided, gate_webhooks
from tests.cases.stage import EVERYTHING, Stage
from tests.e2e.waiting import await_true

_NAMESPACE = "shop"
_RECORDER = "cutline-case-recorder"
SCENARIOS = (*scenarios_pods.SCENARIOS, *scenarios_controllers.SCENARIOS, *scenarios_nodes.SCENARIOS)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cases.record", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--name", default="cases", help="the testbed's name (default: %(default)s)")
    parser.add_argument("--keep", action="store_true", help="leave the testbed running for the next time")
    parser.add_argument("--only", default="", help="scenarios whose name contains this")
    parser.add_argument("--decide-anew", action="store_true", help="write again what the gate says, nothing else")
    options = parser.parse_args()
    if options.decide_anew:
        for case in load_cases():
            _write(case)
        return 0
    with _stage(options.name, keep=options.keep) as stage:
        for scenario in SCENARIOS:
            if options.only in scenario.__name__:
                print(scenario.__name__, flush=True)
                for case in scenario(stage):
                    print(f"  {case.name}: {case.observed.did}", flush=True)
                    _write(replace(case, policy=default_policy()))
    return 0


def _write(case: Case) -> None:
    replace(case, decides=decided(case)).write()


@contextmanager
def _stage(name: str, *, keep: bool) -> Iterator[Stage]:
    testbed = Testbed(name)
    testbed.start(Options(nodes=0, real_nodes=2))
    try:
        _furnish(testbed)
        api = testbed.api()
        version = str((api.get("/version") or {})["gitVersion"])
        with recording(api, Authority(testbed.layout.pki), _RECORDER, _webhooks()) as reviews:
            _await_recorder(testbed, reviews)
            yield Stage(testbed, _NAMESPACE, reviews, version)
    finally:
        if keep:
            testbed.api().delete(f"/api/v1/namespaces/{_NAMESPACE}")
        else:
            testbed.clean()


def _furnish(testbed: Testbed) -> None:
    """An empty namespace, and images under the names that the scenarios use."""
    api, path = testbed.api(), f"/api/v1/namespaces/{_NAMESPACE}"
    await_true(lambda: api.get(path) is None, "the namespace of the last time is gone")
    api.create("/api/v1/namespaces", {"metadata": {"name": _NAMESPACE}})
    account = f"{path}/serviceaccounts/default"
    await_true(lambda: api.get(account) is not None, "the namespace has its service account")
    nodes = testbed.real_nodes
    assert nodes is not None
    for node in nodes.nodes:
        node.load_images([ensure_images(testbed.report).webhook])
        node.tag_image("localhost/pause:1", "docker.io/library/shop:v1", "docker.io/library/shop:v2")
        # The only image here with an interpreter in it.
        webhook = f"docker.io/library/cutline-webhook:{version_of(checkout_root())}"
        node.tag_image(webhook, "docker.io/library/script:v1")


def _webhooks() -> Iterator[dict[str, object]]:
    """One that is asked about everything, and the gate's own, as it would configure them."""
    here = {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": [_NAMESPACE]}]}
    everything = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}
    nodes = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["nodes", "nodes/*"]}
    rules = [everything | {"scope": "Namespaced"}, nodes | {"scope": "Cluster"}]
    yield {"name": EVERYTHING, "rules": rules, "namespaceSelector": here}
    for webhook in gate_webhooks():
        kept = {key: webhook[key] for key in ("name", "rules", "matchConditions", "matchPolicy") if key in webhook}
        yield kept | {"namespaceSelector": here if webhook["namespaceSelector"] else {}}


def _await_recorder(testbed: Testbed, reviews: list[Recorded]) -> None:
    def is_asked() -> bool:
        path = f"/api/v1/namespaces/{_NAMESPACE}/configmaps?dryRun=All"
        testbed.api().request("POST", path, {"metadata": {"generateName": "probe-"}})
        return bool(reviews)

    await_true(is_asked, "the API server asks the recorder")


if __name__ == "__main__":
    sys.exit(main())
