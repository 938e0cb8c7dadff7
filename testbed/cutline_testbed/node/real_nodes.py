"""The real nodes of one testbed: started, awaited, restarted and ended, as a whole or program by program.

It refuses to know about the control plane and about Cutline; testbed.py and install.py join them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cutline_testbed.errors import TestbedError
from cutline_testbed.identities import Issuer
from cutline_testbed.kube_api import KubeApi
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
RUNTIME_WITHIN_S = 30.0
READY_WITHIN_S = 90.0
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


@dataclass(frozen=True, slots=True)
class RealNodes:
    """All of them. Making the object does nothing."""

    nodes: tuple[RealNode, ...]
    network: HostNetwork

    @staticmethod
    def of(layout: Layout, addresses: Addresses, count: int, tools: Callable[[], NodeTools]) -> RealNodes:
        network = HostNetwork(addresses, count, layout.folder)
        nodes = (RealNode(number, layout, addresses, tools, network) for number in node_numbers(count))
        return RealNodes(tuple(nodes), network)

    def open(self) -> None:
        """The network, so that the API server has an address to listen on; the boxes, which nothing else needs."""
        self.network.up()
        for node in self.nodes:
            node.start_box()

    def start_runtimes(self, issuer: Issuer, authority: Path, archives: Sequence[Path]) -> None:
        for node in self.nodes:
            node.prepare(issuer, authority)
            (cni := node.folder / "cni.conflist").touch()
            node.run("mkdir", "-p", CNI_CONFIGS)
            node.run("cp", str(cni), CNI_CONFIGS)
            node.launch(CONTAINERD)
        for node in self.nodes:
            self._await_runtime(node)
            node.load_images(archives)

    def join(self, api: KubeApi) -> None:
        """Have the nodes register and become Ready; then their proxies, which end if a node's address comes later."""
        for node in self.nodes:
            node.launch(KUBELET)
        for node in self.nodes:
            self._await_ready(node, api)
            node.launch(KUBE_PROXY)
            if COREDNS in node.programs():
                node.launch(COREDNS)

    def by_name(self, name: str) -> RealNode:
        for node in self.nodes:
            if node.name == name:
                return node
        raise TestbedError(f"there is no real node {name!r} here; there are {[node.name for node in self.nodes]}")

    def component_names(self) -> list[str]:
        """What `start`, `stop` and `restart` take: nodes, and the programs on them."""
        return [name for node in self.nodes for name in (node.name, *(node.program(p).name for p in node.programs()))]

    def start_component(self, component: str, api: KubeApi) -> None:
        """Start a whole node, or one program on it, and await that it works."""
        for node in self.nodes:
            if component == node.name:
                self._restart(node, api)
                return
            for program in node.programs():
                if component == node.program(program).name:
                    node.launch(program)
                    self._await(node, program, api)
                    return
        raise TestbedError(f"there is no component {component!r} on a real node")

    def all_ready(self, api: KubeApi) -> bool:
        """Every program runs and every node is Ready, as the API server has it."""
        running = all(node.program(p).pid() is not None for node in self.nodes for p in node.programs())
        return running and all(_ready(api, node.name) for node in self.nodes)

    def stop(self) -> None:
        """End all nodes; fine if there are none. The network stays until nothing listens on it, or an API
        server that ends would wait half a minute for clients whose farewells cannot reach it."""
        for node in self.nodes:
            node.stop()

    def close(self) -> None:
        """Take the network away."""
        self.network.down()

    def _restart(self, node: RealNode, api: KubeApi) -> None:
        node.start_box()
        node.run("mkdir", "-p", CNI_CONFIGS)
        node.run("cp", str(node.folder / "cni.conflist"), CNI_CONFIGS)
        for program in node.programs():
            node.launch(program)
            self._await(node, program, api)

    def _await(self, node: RealNode, program: str, api: KubeApi) -> None:
        if program == CONTAINERD:
            self._await_runtime(node)
        if program == KUBELET:
            self._await_ready(node, api)

    def _await_runtime(self, node: RealNode) -> None:
        process = node.program(CONTAINERD)
        wait_until(node.runtime_ready, f"containerd of {node.name} answered", RUNTIME_WITHIN_S, process)

    def _await_ready(self, node: RealNode, api: KubeApi) -> None:
        process = node.program(KUBELET)
        wait_until(lambda: _ready(api, node.name), f"{node.name} was Ready", READY_WITHIN_S, process)


def _ready(api: KubeApi, name: str) -> bool:
    node = api.get(f"/api/v1/nodes/{name}")
    conditions = (node or {}).get("status", {}).get("conditions") or []
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)
