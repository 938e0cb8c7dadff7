"""The configuration files of a real node's programs. Pure: numbers and paths in, text out.

It refuses to pick tunables for speed alone: what is set here is what a node in a box on one
machine needs to work at all, and every line that is not obvious says why.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from cutline_testbed.node.addresses import Addresses, node_name

PAUSE_IMAGE = "localhost/pause:1"
CNI_PLUGINS = "/usr/lib/cni"
CNI_CONFIGS = "/run/cni.d"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
DNS_DOMAIN = "cluster.local"
# End-to-end tests leave many small pods behind that are only just going.
MOST_PODS = 220


@dataclass(frozen=True, slots=True)
class NodeConfigs:
    """All files of one node, by the name they have in its folder."""

    addresses: Addresses
    number: int
    folder: Path
    authority: Path
    proxy_kubeconfig: Path
    runc: Path

    def files(self) -> dict[str, str]:
        return {
            "containerd.toml": self._containerd(),
            "cni.conflist": self._cni(),
            "kubelet.json": self._kubelet(),
            "kube-proxy.json": self._proxy(),
        }

    def _containerd(self) -> str:
        return f"""\
version = 4
root = '/var/lib/containerd'
state = '/run/containerd'
imports = []
disabled_plugins = ['io.containerd.nri.v1.nri']
[plugins.'io.containerd.cri.v1.images']
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = '{PAUSE_IMAGE}'
[plugins.'io.containerd.cri.v1.runtime']
  disable_apparmor = true
  # Lowering a process's score takes a capability that root in a virtual machine may lack.
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ['{CNI_PLUGINS}']
    conf_dir = '{CNI_CONFIGS}'
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = 'io.containerd.runc.v2'
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      BinaryName = '{self.runc}'
      SystemdCgroup = false
"""

    def _cni(self) -> str:
        """Point to point: two pods of a node meet in its routing, so Services work between them without more."""
        ipam = {
            "type": "host-local",
            "ranges": [[{"subnet": self.addresses.pods_of(self.number)}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        }
        plugins = [{"type": "ptp", "ipMasq": False, "ipam": ipam}]
        return json.dumps({"cniVersion": "1.0.0", "name": "cutline", "plugins": plugins}, indent=2)

    def _kubelet(self) -> str:
        address = self.addresses.node(self.number)
        return json.dumps(
            {
                "apiVersion": "kubelet.config.k8s.io/v1beta1",
                "kind": "KubeletConfiguration",
                # Machines with the older control groups exist, and Kubernetes still runs on them.
                "failCgroupV1": False,
                "cgroupDriver": "cgroupfs",
                "cgroupRoot": f"/{self.addresses.cgroup(self.number)}",
                "failSwapOn": False,
                "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
                "address": address,
                "readOnlyPort": 0,
                "healthzBindAddress": "127.0.0.1",
                "authentication": {
                    "anonymous": {"enabled": False},
                    "webhook": {"enabled": True},
                    "x509": {"clientCAFile": str(self.authority)},
                },
                "authorization": {"mode": "Webhook"},
                "tlsCertFile": str(self.folder / "kubelet.crt"),
                "tlsPrivateKeyFile": str(self.folder / "kubelet.key"),
                "clusterDomain": DNS_DOMAIN,
                "clusterDNS": [self.addresses.node(1)],
                "resolvConf": "/run/resolv.conf",
                "makeIPTablesUtilChains": False,
                "maxPods": MOST_PODS,
                # The disk is the machine's; a full one is not for this kubelet to empty.
                "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
                "imageGCHighThresholdPercent": 100,
                # The defaults queue the containers of a test run for minutes.
                "serializeImagePulls": False,
                "kubeAPIQPS": 100,
                "kubeAPIBurst": 200,
            },
            indent=2,
        )

    def _proxy(self) -> str:
        return json.dumps(
            {
                "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
                "kind": "KubeProxyConfiguration",
                "mode": "nftables",
                "clientConnection": {"kubeconfig": str(self.proxy_kubeconfig)},
                # What comes from elsewhere (the API server) is masqueraded, so that answers of pods of
                # the other node come back the way they went.
                "clusterCIDR": self.addresses.pods,
                "hostnameOverride": node_name(self.number),
                "healthzBindAddress": "127.0.0.1:10256",
                "metricsBindAddress": "127.0.0.1:10249",
                # These are settings of the whole machine.
                "conntrack": {
                    "maxPerCore": 0,
                    "min": 0,
                    "tcpEstablishedTimeout": "0s",
                    "tcpCloseWaitTimeout": "0s",
                },
            },
            indent=2,
        )


def corefile(addresses: Addresses, kubeconfig: Path) -> str:
    """Names of Services and pods; nothing is forwarded, for no pod here has business outside."""
    return f"""\
.:53 {{
  bind {addresses.node(1)}
  errors
  ready 127.0.0.1:8181
  kubernetes {DNS_DOMAIN} in-addr.arpa {{
    kubeconfig {kubeconfig}
    ttl 5
  }}
}}
"""
