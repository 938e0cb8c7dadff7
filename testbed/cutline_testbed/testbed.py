"""A testbed: a real control plane with simulated nodes and known personas, by name.

The command line and the end-to-end tests both work through this class. It refuses to share:
each testbed has ports, certificates and data of its own, and commands on one testbed take turns.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from cutline_testbed import components, identities, nodes, paths, state
from cutline_testbed.control_plane import ControlPlane
from cutline_testbed.errors import TestbedError
from cutline_testbed.images import ImageArchives, ensure_images
from cutline_testbed.interrupts import undisturbed
from cutline_testbed.kube_api import KubeApi
from cutline_testbed.layout import Layout
from cutline_testbed.locks import exclusive
from cutline_testbed.node.configs import PAUSE_IMAGE
from cutline_testbed.node.host_network import choose_slot
from cutline_testbed.node.real_nodes import RealNodes
from cutline_testbed.node.requirements import ensure_requirements
from cutline_testbed.node.tools import NodeTools, ensure_tools
from cutline_testbed.pki import Authority
from cutline_testbed.ports import choose_ports
from cutline_testbed.report import Report
from cutline_testbed.state import Options, State
from cutline_testbed.toolchain import Toolchain, ensure_toolchain
from cutline_testbed.waiting import wait_until

SETTLED_WITHIN_S = 60.0
# What the README's and the demo's workload runs: the pause image by other names, for there is no registry.
EXAMPLE_IMAGES = tuple(f"docker.io/library/checkout:v{version}" for version in range(1, 4))
# Before the control plane: a webhook that is gone must not delay what is stopped after it.
CUTLINE_PROCESSES = (components.OPERATOR, components.WEBHOOK)


class Testbed:
    """One named testbed. Making the object does nothing; start() does."""

    # The name is what users know it by; it is no test case.
    __test__ = False

    def __init__(self, name: str = "default", *, root: Path | None = None, report: Report | None = None) -> None:
        self.layout = Layout(paths.valid_name(name), paths.states_dir(root) / name)
        self.report = report if report is not None else Report()
        self._toolchain: Toolchain | None = None
        self._node_tools: NodeTools | None = None
        self._images: ImageArchives | None = None
        self._clients: dict[str, KubeApi] = {}

    @property
    def name(self) -> str:
        return self.layout.name

    @property
    def toolchain(self) -> Toolchain:
        """The programs; the first use may build them."""
        if self._toolchain is None:
            self._toolchain = ensure_toolchain(self.report)
        return self._toolchain

    @property
    def node_tools(self) -> NodeTools:
        """The programs of real nodes; the first use may build them."""
        if self._node_tools is None:
            self._node_tools = ensure_tools(self.report)
        return self._node_tools

    @property
    def images(self) -> ImageArchives:
        """What real nodes run of ours, as the sources are when they are first asked for; that may build it."""
        if self._images is None:
            self._images = ensure_images(self.report)
        return self._images

    @property
    def real_nodes(self) -> RealNodes | None:
        """None for a testbed whose nodes are simulated."""
        return self._real_nodes(self.state)

    @property
    def kubectl(self) -> Path:
        return self.toolchain.path("kubectl")

    @property
    def helm(self) -> Path:
        return self.toolchain.path("helm")

    @property
    def state(self) -> State:
        found = state.load(self.layout.folder)
        if found is None:
            raise TestbedError(f"there is no testbed named {self.name!r}; `up` makes one")
        return found

    def kubeconfig(self, persona: str) -> Path:
        """The kubeconfig of a persona; `admin-2` is the admin at the second API server."""
        path = self.layout.kubeconfig(persona)
        if not path.is_file():
            raise TestbedError(f"testbed {self.name!r} has no kubeconfig for {persona!r}")
        return path

    def environment(self, persona: str = "admin") -> dict[str, str]:
        """For a child process that is to act as this persona: our kubectl and helm, and Python's
        own folder, where `kubectl cutline` is found."""
        folders = [Path(sys.executable).parent, self.kubectl.parent, self.helm.parent]
        search = [*dict.fromkeys(map(str, folders)), os.environ.get("PATH", os.defpath)]
        return {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig(persona)),
            "KUBECACHEDIR": str(self.layout.kubectl_cache),
            "PATH": os.pathsep.join(search),
        }

    def run_kubectl(self, persona: str, *arguments: str, stdin: str | None = None) -> CompletedProcess[str]:
        """kubectl as this persona; the caller judges the exit code."""
        return subprocess.run(
            [self.kubectl, *arguments],
            env=self.environment(persona),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def api(self, server: str = components.API_SERVER) -> KubeApi:
        """The admin's client to one API server."""
        if server not in self._clients:
            authority = Authority(self.layout.pki)
            credential = authority.client("admin", ("system:masters",))
            self._clients[server] = KubeApi(self.state.host, self.state.ports[server], authority, credential)
        return self._clients[server]

    def locked(self) -> AbstractContextManager[None]:
        return exclusive(self.layout.lock, f"testbed {self.name!r}", self.report)

    def options_with(self, changes: Mapping[str, Any]) -> Options | None:
        """The remembered options with some changed; None if nothing is to change."""
        if not changes:
            return None
        remembered = state.load(self.layout.folder)
        return replace(remembered.options if remembered else Options(), **changes)

    def start(self, options: Options | None = None) -> bool:
        """Bring it up, or find it up. Without options, those of the last start stand.

        True if this call started it, so that whoever asked can undo exactly that.
        """
        # Before the lock: building takes minutes, and has locks of its own.
        _ = self.toolchain
        remembered = state.load(self.layout.folder)
        wanted = options or (remembered.options if remembered else Options())
        if wanted.real_nodes:
            ensure_requirements(self.report)
            _ = self.node_tools, self.images
        with self.locked():
            remembered = state.load(self.layout.folder)
            if remembered is not None and self._all_ready(remembered):
                self._reuse(remembered, options)
                return False
            # Whatever of an earlier start is still there is of no use without the rest.
            self._stop_processes()
            try:
                self._bring_up(wanted, remembered)
            except BaseException:
                with undisturbed():
                    self._stop_processes()
                raise
        return True

    def stop(self) -> None:
        """Stop everything, last started first, and await each end. The data stays."""
        with self.locked():
            self.report.say(f"stopping testbed {self.name!r}")
            self._stop_processes()

    def clean(self) -> None:
        """Stop it and remove all that it kept."""
        with self.locked():
            self._stop_processes()
            if self.layout.folder.exists():
                shutil.rmtree(self.layout.folder)

    def status(self) -> dict[str, int | None]:
        """The pid of each program, None for those that do not run."""
        return {name: self.layout.process(name).pid() for name in self.component_names()}

    def component_names(self) -> list[str]:
        """Every program of this testbed that can be started and stopped by itself."""
        nodes = self.real_nodes
        ours = [components.WEBHOOK, components.OPERATOR] if nodes is None else nodes.component_names()
        return [*components.start_order(self.state.options), *ours]

    def is_ready(self) -> bool:
        remembered = state.load(self.layout.folder)
        return remembered is not None and self._all_ready(remembered)

    def start_component(self, name: str) -> None:
        """Start one program of the control plane or of a real node, or such a node; await its readiness."""
        nodes = self.real_nodes
        if nodes is not None and name in nodes.component_names():
            nodes.start_component(name, self.api())
            return
        plane = self._plane(self.state)
        plane.start(name)
        plane.relaunch_crashed()

    def stop_component(self, name: str) -> None:
        """Stop one program (or a real node with all that runs on it) and await its end."""
        nodes = self.real_nodes
        if nodes is not None and name in [node.name for node in nodes.nodes]:
            nodes.by_name(name).stop()
            return
        self.layout.process(name).stop()

    def issue_kubeconfig(self, name: str, user: str, groups: Sequence[str] = ()) -> Path:
        """A client certificate for any user a test needs to be, a kubelet say."""
        return self._issuer(self.state).write_client(self.layout.kubeconfig(name), user, groups)

    def token_kubeconfig(self, path: Path, namespace: str, account: str) -> Path:
        """A kubeconfig with a fresh token of a service account."""
        return self._issuer(self.state).write_account(path, self.api(), namespace, account)

    def _reuse(self, remembered: State, options: Options | None) -> None:
        if options is not None and options != remembered.options:
            raise TestbedError(
                f"testbed {self.name!r} is running with other options ({remembered.options}); `down` it first"
            )
        self.report.say(f"testbed {self.name!r} is running")
        self._issuer(remembered).write_agent(self.api())

    def _bring_up(self, wanted: Options, remembered: State | None) -> None:
        prepared = self._prepare(wanted, remembered)
        plane, real = self._plane(prepared), self._real_nodes(prepared)
        self.report.say(f"starting testbed {self.name!r}")
        if real is not None:
            real.open()
        plane.start(components.ETCD)
        servers = components.api_servers(prepared.options)
        # One after the other: on an empty etcd two would race to write the same first objects.
        for server in servers:
            plane.start(server)
        others = [components.CONTROLLER_MANAGER, components.SCHEDULER, components.KWOK]
        identities.create_personas(self.api(), prepared.options)
        for component in others:
            plane.launch(component)
        nodes.create_missing_nodes(self.api(), prepared.options.nodes, beside_real_ones=real is not None)
        for component in others:
            plane.await_ready(component)
        if real is not None:
            self._join(real, prepared)
        self._settle(plane)
        self._issuer(prepared).write_agent(self.api())

    def _join(self, real: RealNodes, prepared: State) -> None:
        self.report.say(f"starting {' and '.join(node.name for node in real.nodes)}")
        real.start_runtimes(self._issuer(prepared), self.layout.pki / "ca.crt", [self.images.pause])
        for node in real.nodes:
            node.tag_image(PAUSE_IMAGE, *EXAMPLE_IMAGES)
        real.join(self.api())

    def _settle(self, plane: ControlPlane) -> None:
        """Await what a user's first command needs: nodes to run on, accounts to run as."""
        api = self.api()
        wait_until(
            lambda: nodes.nodes_ready(api),
            "every simulated node was ready",
            SETTLED_WITHIN_S,
            plane.process(components.KWOK),
        )
        wait_until(
            lambda: api.get("/api/v1/namespaces/default/serviceaccounts/default") is not None,
            "the default service account existed",
            SETTLED_WITHIN_S,
            plane.process(components.CONTROLLER_MANAGER),
        )

    def _prepare(self, wanted: Options, remembered: State | None) -> State:
        """Everything on disk that the programs will read."""
        layout = self.layout
        layout.run.mkdir(parents=True, exist_ok=True)
        layout.folder.chmod(0o700)
        ports = choose_ports(
            components.port_names(wanted),
            remembered.ports if remembered else {},
            state.ports_of_others(layout.folder.parent, self.name),
        )
        prepared = State(options=wanted, ports=ports, slot=self._slot(wanted, remembered))
        state.save(layout.folder, prepared)
        self._clients.clear()
        shutil.copyfile(Path(__file__).with_name("audit_policy.yaml"), layout.audit_policy)
        self._issuer(prepared).write_all()
        return prepared

    def _issuer(self, prepared: State) -> identities.Issuer:
        return identities.Issuer(self.layout, prepared)

    def _slot(self, wanted: Options, remembered: State | None) -> int | None:
        if not wanted.real_nodes:
            return None
        taken = state.slots_of_others(self.layout.folder.parent, self.name)
        return choose_slot(remembered.slot if remembered else None, taken, self.layout.folder)

    def _all_ready(self, remembered: State) -> bool:
        if not self._plane(remembered).all_ready():
            return False
        real = self._real_nodes(remembered)
        return real is None or real.all_ready(self.api())

    def _real_nodes(self, prepared: State) -> RealNodes | None:
        addresses = prepared.addresses
        if addresses is None:
            return None
        return RealNodes.of(self.layout, addresses, prepared.options.real_nodes, lambda: self.node_tools)

    def _remembered_nodes(self) -> RealNodes | None:
        try:
            remembered = state.load(self.layout.folder)
        except TestbedError as error:
            # Another version's, or damaged: `clean` is the way out, and must not stumble over it.
            self.report.say(f"{error}; what it says of real nodes is not known")
            return None
        return None if remembered is None else self._real_nodes(remembered)

    def _plane(self, prepared: State) -> ControlPlane:
        return ControlPlane(self.layout, prepared, lambda: self.toolchain, self.api)

    def _stop_processes(self) -> None:
        """By what may run, not by what should: options may have changed since."""
        real = self._remembered_nodes()
        if real is not None:
            real.stop()
        most = components.start_order(Options(api_servers=5))
        for name in (*CUTLINE_PROCESSES, *reversed(most)):
            self.layout.process(name).stop()
        if real is not None:
            real.close()
