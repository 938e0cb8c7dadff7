"""The release as its users handle it: Helm's commands, and a listing of all that is in the cluster."""

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cutline_testbed.helm import chart
from cutline_testbed.install import values_for_testbed
from tests.e2e.cluster import SYSTEM, Cluster, Outcome

_NAMED = ("cutline", "-n", SYSTEM)
_DEFINED = ("remediationproposals", "signoffs", "admittedchanges", "reversibilitypolicies")
# Made and removed by the cluster itself all the time.
_PASSING = {"events", "events.events.k8s.io", "leases.coordination.k8s.io", "pods", "endpointslices.discovery.k8s.io"}


@dataclass(frozen=True, slots=True)
class Release:
    """Commands as the documentation has them; each answers what came of it."""

    cluster: Cluster
    values: Path

    def install(self, path: Path | None = None) -> Outcome:
        self.values.write_text(json.dumps(values_for_testbed()))
        more = ("--create-namespace", "-f", str(self.values), "--wait", "--timeout=120s")
        return self._helm("install", str(path or chart()), *more)

    def bring_definitions(self, path: Path) -> None:
        """Propose, approve and apply each definition of a chart that differs, as the documentation has it."""
        for plural in _DEFINED:
            file, name = self.values.with_name(f"{plural}.yaml"), f"{plural}-{secrets.token_hex(3)}"
            template = ("--show-only", f"templates/crds/{plural}.cutline.dev.yaml")
            file.write_text(self._helm("template", str(path), *template).must_pass().output)
            apply = ("kubectl", "apply", "--server-side", "--force-conflicts", "--field-manager=helm", "-f", str(file))
            propose = ("propose", "--name", name, "-n", SYSTEM, "--summary", "the other version's definitions")
            self.cluster.run("admin", "kubectl", "cutline", *propose, "--", *apply).must_pass()
            if self.cluster.get("rprop", name, SYSTEM):
                self.cluster.sign("alice", name, SYSTEM).must_pass()
                self.cluster.run("admin", *apply).must_pass()

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
