"""One testbed's folder: which file is where. Pure paths.

It refuses to know what the files contain.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cutline_testbed.processes import ManagedProcess


@dataclass(frozen=True, slots=True)
class Layout:
    name: str
    folder: Path

    @property
    def lock(self) -> Path:
        # Beside the folder, not in it: `clean` removes the folder while holding the lock.
        return self.folder.with_name(f".{self.name}.lock")

    @property
    def pki(self) -> Path:
        return self.folder / "pki"

    @property
    def etcd_data(self) -> Path:
        return self.folder / "etcd"

    @property
    def run(self) -> Path:
        """Pid files and logs."""
        return self.folder / "run"

    @property
    def audit_policy(self) -> Path:
        return self.folder / "audit-policy.yaml"

    def audit_log(self, server: str) -> Path:
        return self.run / f"{server}.audit.log"

    @property
    def kubectl_cache(self) -> Path:
        """Discovery, kept apart from the user's own: ports are re-used by other testbeds."""
        return self.folder / "kubectl-cache"

    @property
    def cutline(self) -> Path:
        """Configuration and credentials of Cutline's processes."""
        return self.folder / "cutline"

    def kubeconfig(self, persona: str) -> Path:
        return self.folder / "kubeconfigs" / f"{persona}.kubeconfig"

    def component_kubeconfig(self, component: str) -> Path:
        return self.folder / "components" / f"{component}.kubeconfig"

    def process(self, component: str) -> ManagedProcess:
        return ManagedProcess(component, self.run)
