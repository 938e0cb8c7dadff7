"""The release as its users handle it: Helm's commands, and a listing of all that is in the cluster."""

import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cutline_testbed import Testbed
from cutline_testbed.helm import chart
from cutline_testbed.images import ensure_images
from cutline_testbed.install import values_for_testbed
from tests.e2e.cluster import SYSTEM, Cluster, Outcome

_PREVIOUS = Path(__file__).parents[1] / "previous"
_NAMED = ("cutline", "-n", SYSTEM)
# What an image of a released version lacks to run at all: (file, text, what it becomes). Kopf asks the system for
# the name of its user, which no file in the image knew; 0.1.0 had never been run in a container.
_AMENDED = {"0.1.0": ("operator/Dockerfile", "ENV PYTHONPATH", "ENV LOGNAME=cutline PYTHONPATH")}
# Made and removed by the cluster itself all the time.
_PASSING = {"events", "events.events.k8s.io", "leases.coordination.k8s.io", "pods", "endpointslices.discovery.k8s.io"}


def previous_version() -> str:
    """The newest that is kept."""
    kept = [path.name for path in _PREVIOUS.iterdir() if path.is_dir()]
    return max(kept, key=lambda name: [int(part) for part in name.split(".")])


def load_previous_images(testbed: Testbed, scratch: Path) -> None:
    """Build the previous version's images from its own sources, and bring them to the nodes."""
    with tarfile.open(_PREVIOUS / previous_version() / "source.tar.gz") as archive:
        archive.extractall(scratch, filter="data")
    if amendment := _AMENDED.get(previous_version()):
        name, old, new = amendment
        text = (scratch / name).read_text()
        assert old in text
        (scratch / name).write_text(text.replace(old, new))
    images = ensure_images(testbed.report, source=scratch)
    nodes = testbed.real_nodes
    assert nodes is not None
    for node in nodes.nodes:
        node.load_images((images.webhook, images.operator))


@dataclass(frozen=True, slots=True)
class Release:
    """Commands as the documentation has them; each answers what came of it."""

    cluster: Cluster
    values: Path

    def previous_chart(self) -> Path:
        version = previous_version()
        return _PREVIOUS / version / f"cutline-{version}.tgz"

    def install(self, path: Path | None = None) -> Outcome:
        self.values.write_text(json.dumps(values_for_testbed()))
        more = ("--create-namespace", "-f", str(self.values), "--wait", "--timeout=120s")
        return self._helm("install", str(path or chart()), *more)

    def upgrade(self, path: Path | None = None) -> Outcome:
        return self._helm("upgrade", str(path or chart()), "--reset-then-reuse-values", "--wait", "--timeout=120s")

    def rollback(self) -> Outcome:
        return self._helm("rollback", "--wait", "--timeout=120s")

    def uninstall(self, *more: str) -> None:
        """Both commands, in the order in which the documentation has them."""
        self.cluster.run("admin", "kubectl", "cutline", "uninstall", "--yes", *more).must_pass()
        self._helm("uninstall", "--wait", "--timeout=120s").must_pass()

    def version(self) -> str:
        """Of the chart that is installed; empty where none is."""
        done = self.cluster.run("admin", "helm", "list", "-n", SYSTEM, "--filter=^cutline$", "-o", "json").must_pass()
        found = json.loads(done.output)
        return str(found[0]["chart"]).removeprefix("cutline-") if found else ""

    def everything(self) -> set[str]:
        """`RESOURCE NAMESPACE/NAME` of every object of every kind that the API server serves."""
        listed = self.cluster.kubectl("admin", "api-resources", "--verbs=list", "-o", "name").must_pass().output.split()
        kinds = ",".join(sorted(set(listed) - _PASSING))
        return set(_named(self.cluster.items(kinds, "-A")))

    def _helm(self, verb: str, *arguments: str) -> Outcome:
        return self.cluster.run("admin", "helm", verb, *_NAMED, *arguments)


def _named(items: Iterable[dict[str, Any]]) -> Iterable[str]:
    for item in items:
        metadata = item["metadata"]
        yield f"{item['kind']} {metadata.get('namespace', '')}/{metadata['name']}"
