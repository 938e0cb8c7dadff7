"""The programs of the control plane: their names, order and command lines. Pure.

It refuses to be hardened against other users of the machine: etcd listens in the clear on the
loopback address. The testbed is for tests and demonstrations on a machine of one's own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from cutline_testbed.layout import Layout
from cutline_testbed.node.addresses import Addresses
from cutline_testbed.ports import HOST
from cutline_testbed.state import Options
from cutline_testbed.toolchain import Toolchain

ETCD = "etcd"
API_SERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
KWOK = "kwok"
WEBHOOK = "cutline-webhook"
OPERATOR = "cutline-operator"

SERVICE_ISSUER = "https://kubernetes.default.svc.cluster.local"
SERVICE_NETWORK = "10.0.0.0/24"
FIRST_SERVICE = "10.0.0.1"
POD_NETWORK = "10.244.0.1/16"
# Simulated nodes report every ten minutes; nobody here tests how fast a dead node is noticed.
NODE_GRACE = "30m"
# The default of 15 s would be most of the run time of any test about autoscalers.
AUTOSCALER_SYNC = "3s"

# The users as which our programs log in, for those that have a kubeconfig.
IDENTITIES: Mapping[str, str] = {
    CONTROLLER_MANAGER: "system:kube-controller-manager",
    SCHEDULER: "system:kube-scheduler",
    KWOK: "kwok",
}

PORT_NAMES = (
    *(ETCD, "etcd-peer", CONTROLLER_MANAGER, SCHEDULER, KWOK),
    *("webhook", "webhook-metrics", "operator-metrics"),
)


def api_servers(options: Options) -> list[str]:
    """Names of the API servers; the first has no number."""
    return [API_SERVER, *(f"{API_SERVER}-{n}" for n in range(2, options.api_servers + 1))]


def start_order(options: Options) -> list[str]:
    """The control plane, first to start first. It stops the other way round."""
    return [ETCD, *api_servers(options), CONTROLLER_MANAGER, SCHEDULER, KWOK]


def port_names(options: Options) -> list[str]:
    return [*PORT_NAMES, *api_servers(options)]


@dataclass(frozen=True, slots=True)
class CommandLines:
    """Builds the command line of each program of one testbed."""

    layout: Layout
    toolchain: Toolchain
    options: Options
    ports: Mapping[str, int]
    # Where real nodes are, and None without them.
    addresses: Addresses | None = None

    def of(self, component: str) -> list[str]:
        if component in api_servers(self.options):
            return self._api_server(component)
        builders = {
            ETCD: self._etcd,
            CONTROLLER_MANAGER: self._controller_manager,
            SCHEDULER: self._scheduler,
            KWOK: self._kwok,
        }
        return builders[component]()

    def environment(self, component: str) -> dict[str, str] | None:
        """What it needs besides our own environment; None for nothing."""
        if component != KWOK:
            return None
        # Its workers compile stages without a lock at first use, and on several processors Go ends
        # it with "concurrent map writes" often enough to matter. On one they take turns.
        return {**os.environ, "GOMAXPROCS": "1"}

    def url(self, port: str, scheme: str = "https") -> str:
        return f"{scheme}://{HOST}:{self.ports[port]}"

    def _etcd(self) -> list[str]:
        client, peer = self.url(ETCD, "http"), self.url("etcd-peer", "http")
        return [
            str(self.toolchain.path(ETCD)),
            f"--name={self.layout.name}",
            f"--data-dir={self.layout.etcd_data}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster={self.layout.name}={peer}",
            # Data survives an orderly stop; only a crash of the machine could cost some.
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    def _api_server(self, name: str) -> list[str]:
        pki = self.layout.pki
        return [
            str(self.toolchain.path(API_SERVER)),
            f"--etcd-servers={self.url(ETCD, 'http')}",
            f"--secure-port={self.ports[name]}",
            f"--tls-cert-file={pki / 'apiserver.crt'}",
            f"--tls-private-key-file={pki / 'apiserver.key'}",
            f"--client-ca-file={pki / 'ca.crt'}",
            f"--service-account-issuer={SERVICE_ISSUER}",
            f"--service-account-key-file={pki / 'service-accounts.pub'}",
            f"--service-account-signing-key-file={pki / 'service-accounts.key'}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
            *self._api_network(),
            # Otherwise a stopping server waits half a minute for its clients to end their watches.
            "--shutdown-watch-termination-grace-period=2s",
            f"--audit-policy-file={self.layout.audit_policy}",
            f"--audit-log-path={self.layout.audit_log(name)}",
            "--audit-log-maxsize=50",
            # A run of the tests on real nodes fills several, and some tests read from the first line on.
            "--audit-log-maxbackup=5",
            *self.options.api_server_args,
        ]

    def _api_network(self) -> list[str]:
        if self.addresses is None:
            return [
                f"--bind-address={HOST}",
                f"--advertise-address={HOST}",
                # Nothing routes to the `kubernetes` Service here, and 127.0.0.1 is no valid endpoint.
                "--endpoint-reconciler-type=none",
                f"--service-cluster-ip-range={SERVICE_NETWORK}",
            ]
        pki = self.layout.pki
        return [
            f"--bind-address={self.addresses.host}",
            f"--advertise-address={self.addresses.host}",
            "--endpoint-reconciler-type=lease",
            f"--service-cluster-ip-range={self.addresses.services}",
            # For what kubelets serve: logs, exec, port-forward.
            f"--kubelet-certificate-authority={pki / 'ca.crt'}",
            f"--kubelet-client-certificate={pki / 'kubelet-client.crt'}",
            f"--kubelet-client-key={pki / 'kubelet-client.key'}",
            "--kubelet-preferred-address-types=InternalIP",
        ]

    def _controller_manager(self) -> list[str]:
        pki = self.layout.pki
        credentials = "true" if self.options.service_account_credentials else "false"
        return [
            *self._as_client(CONTROLLER_MANAGER),
            f"--root-ca-file={pki / 'ca.crt'}",
            f"--service-account-private-key-file={pki / 'service-accounts.key'}",
            f"--use-service-account-credentials={credentials}",
            f"--cluster-signing-cert-file={pki / 'ca.crt'}",
            f"--cluster-signing-key-file={pki / 'ca.key'}",
            f"--node-monitor-grace-period={NODE_GRACE}",
            f"--horizontal-pod-autoscaler-sync-period={AUTOSCALER_SYNC}",
        ]

    def _scheduler(self) -> list[str]:
        return self._as_client(SCHEDULER)

    def _as_client(self, component: str) -> list[str]:
        kubeconfig = self.layout.component_kubeconfig(component)
        return [
            str(self.toolchain.path(component)),
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            f"--bind-address={HOST}",
            f"--secure-port={self.ports[component]}",
            "--leader-elect=false",
        ]

    def _kwok(self) -> list[str]:
        return [
            str(self.toolchain.path(KWOK)),
            f"--kubeconfig={self.layout.component_kubeconfig(KWOK)}",
            f"--config={self.toolchain.stages}",
            "--manage-all-nodes=false",
            "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
            f"--cidr={POD_NETWORK}",
            # With leases, a restarted kwok would wait for those of its predecessor to run out.
            "--node-lease-duration-seconds=0",
            f"--server-address={HOST}:{self.ports[KWOK]}",
        ]
