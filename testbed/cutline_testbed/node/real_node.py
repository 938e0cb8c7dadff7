"""One real node: a box of namespaces on this machine, and the programs that make a node of it.

It refuses to know whether the cluster has taken it in; real_nodes.py awaits that.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from cutline_testbed.errors import TestbedError
from cutline_testbed.identities import Issuer
from cutline_testbed.layout import Layout
from cutline_testbed.node import box_init, cgroups, configs, requirements
from cutline_testbed.node.addresses import Addresses, node_name, node_numbers
from cutline_testbed.node.commands import attempt, run
from cutline_testbed.node.configs import CNI_CONFIGS, NodeConfigs
from cutline_testbed.node.host_network import HostNetwork
from cutline_testbed.node.tools import NodeTools
from cutline_testbed.processes import ManagedProcess
from cutline_testbed.waiting import wait_until

CONTAINERD, KUBELET, KUBE_PROXY, COREDNS = "containerd", "kubelet", "kube-proxy", "coredns"
BOX_WITHIN_S = 30.0
NAMESPACES = ("--mount", "--net", "--pid", "--ipc", "--uts")
IMAGES_NAMESPACE = "k8s.io"


@dataclass(frozen=True, slots=True)
class RealNode:
    """One node: a box of namespaces, and the programs in it."""

    number: int
    layout: Layout
    addresses: Addresses
    tools: Callable[[], NodeTools]
    network: HostNetwork

    @property
    def name(self) -> str:
        return node_name(self.number)

    @property
    def folder(self) -> Path:
        return self.layout.folder / self.name

    @property
    def box(self) -> ManagedProcess:
        """The node's process 1; when it ends, all ends that runs on the node."""
        return self.layout.process(self.name)

    def program(self, program: str) -> ManagedProcess:
        """One program, by the name that `start`, `stop` and `restart` know it by."""
        return self.layout.process(f"{program}-{self.name}")

    def programs(self) -> list[str]:
        return [CONTAINERD, KUBELET, KUBE_PROXY, *([COREDNS] if self.number == 1 else [])]

    def inside(self, *argv: str) -> list[str]:
        """The command line that runs another one on the node."""
        pid = self.box.pid()
        if pid is None:
            raise TestbedError(f"the node {self.name} is not running")
        return ["nsenter", "--target", str(pid), *NAMESPACES, "--", *argv]

    def run(self, *argv: str) -> str:
        """Run a command on the node to its end; its output."""
        return run(*self.inside(*argv))

    def start_box(self) -> None:
        """Make the namespaces and furnish them; nothing runs there yet."""
        if self.box.pid() is not None:
            return
        cgroups.create(self.addresses.cgroup(self.number))
        ready = self.folder / "ready"
        self.folder.mkdir(parents=True, exist_ok=True)
        ready.unlink(missing_ok=True)
        others = [n for n in node_numbers(self.network.nodes) if n != self.number]
        plan = {
            "name": self.name,
            "folder": str(self.folder),
            "ready": str(ready),
            "address": self.addresses.node(self.number),
            "gateway": self.addresses.host,
            "routes": [[self.addresses.pods_of(n), self.addresses.node(n)] for n in others],
        }
        unshare = ["unshare", *NAMESPACES, "--fork", "--kill-child", "--mount-proc"]
        self.box.start([*unshare, sys.executable, str(box_init.__file__), json.dumps(plan)], through_child=True)
        pid = self.box.pid()
        if pid is None:
            raise TestbedError(f"{self.name} ended at once:\n{self.box.log_tail()}")
        self.network.plug(self.number, pid)
        wait_until(ready.exists, f"the node {self.name} was furnished", BOX_WITHIN_S, self.box)

    def launch(self, program: str) -> None:
        """Start one of the node's programs without awaiting it, unless it is running."""
        process = self.program(program)
        if process.pid() is None:
            process.start(self.inside(*self._command_line(program)), through_child=True)

    def runtime_ready(self) -> bool:
        return attempt(self.inside(*self._ctr("version"))).returncode == 0

    def prepare(self, issuer: Issuer, authority: Path) -> None:
        """Write certificates, kubeconfigs and configuration files."""
        self.folder.mkdir(parents=True, exist_ok=True)
        issuer.write_client(self.folder / "kubelet.kubeconfig", f"system:node:{self.name}", ("system:nodes",))
        issuer.write_server(self.folder / "kubelet", self.name, (self.addresses.node(self.number),))
        issuer.write_client(self.folder / "kube-proxy.kubeconfig", "system:kube-proxy")
        files = NodeConfigs(
            addresses=self.addresses,
            number=self.number,
            folder=self.folder,
            authority=authority,
            proxy_kubeconfig=self.folder / "kube-proxy.kubeconfig",
            runc=requirements.runc(),
        ).files()
        if self.number == 1:
            issuer.write_client(self.folder / "coredns.kubeconfig", "coredns")
            files["Corefile"] = configs.corefile(self.addresses, self.folder / "coredns.kubeconfig")
        for name, text in files.items():
            (self.folder / name).write_text(text)

    def install_network(self) -> None:
        """Tell containerd how pods are connected; /run is new with each start of the box."""
        self.run("mkdir", "-p", CNI_CONFIGS)
        self.run("cp", str(self.folder / "cni.conflist"), CNI_CONFIGS)

    def load_images(self, archives: Iterable[Path]) -> None:
        """Import OCI archives that were not imported before; an archive's path changes with its content."""
        marker = self.folder / "images.json"
        known: list[str] = json.loads(marker.read_text()) if marker.exists() else []
        for archive in archives:
            if str(archive) not in known:
                run(*self.inside(*self._ctr("images", "import", str(archive))))
                known.append(str(archive))
        marker.write_text(json.dumps(known))

    def tag_image(self, image: str, *names: str) -> None:
        """Give an image that is there more names, as whole references (docker.io/library/shop:v1)."""
        for name in names:
            run(*self.inside(*self._ctr("images", "tag", "--force", image, name)))

    def stop(self) -> None:
        """End it with all that runs there, and leave nothing of it in the machine but its data."""
        self.box.stop()
        for program in (CONTAINERD, KUBELET, KUBE_PROXY, COREDNS):
            self.program(program).stop()
        self.network.unplug(self.number)
        cgroups.remove(self.addresses.cgroup(self.number))

    def _ctr(self, *arguments: str) -> list[str]:
        return [str(self.tools().containerd.path("ctr")), "--namespace", IMAGES_NAMESPACE, *arguments]

    def _command_line(self, program: str) -> list[str]:
        tools, folder = self.tools(), self.folder
        match program:
            case "containerd":
                # It finds its shim beside itself or on PATH.
                search = f"PATH={tools.containerd.folder}:/usr/sbin:/usr/bin:/sbin:/bin"
                config = f"--config={folder / 'containerd.toml'}"
                return ["env", search, str(tools.containerd.path(CONTAINERD)), config]
            case "kubelet":
                return [
                    str(tools.kubernetes.path(KUBELET)),
                    f"--config={folder / 'kubelet.json'}",
                    f"--kubeconfig={folder / 'kubelet.kubeconfig'}",
                    f"--hostname-override={self.name}",
                    f"--node-ip={self.addresses.node(self.number)}",
                ]
            case "kube-proxy":
                return [str(tools.kubernetes.path(KUBE_PROXY)), f"--config={folder / 'kube-proxy.json'}"]
            case "coredns":
                return [str(tools.coredns.path(COREDNS)), "-conf", str(folder / "Corefile")]
        raise AssertionError(f"no program {program} on a node")
