"""The real nodes of one testbed: started, awaited, restarted and ended, as a whole or program by program.

It refuses to know about the control plane and about Cutline; testbed.py and install.py join them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cutline_testbed.errors import TestbedError
from cutline_testbed.identities import Issuer
from cutline_testbed.kube_api import KubeApi
from cutline_testbed.layout import Layout
from cutline_testbed.node.addresses import Addresses, node_numbers
from cutline_testbed.node.host_network import HostNetwork
from cutline_testbed.node.real_node import CONTAINERD, COREDNS, KUBE_PROXY, KUBELET, RealNode
from cutline_testbed.node.tools import NodeTools
from cutline_testbed.waiting import wait_until

RUNTIME_WITHIN_S = 30.0
READY_WITHIN_S = 90.0


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
            node.install_network()
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
        node.install_network()
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
