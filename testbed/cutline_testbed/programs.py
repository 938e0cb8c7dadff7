"""The programs of the testbed and how they are built: names and flags, nothing that runs.

They come in sets, each built from one pinned go.mod and kept in one folder. It refuses to pin
versions of modules: those are in testbed/toolchain/ alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

KUBERNETES_VERSION = "v1.37.2"
CONTAINERD_VERSION = "v2.4.2"

# Folders of kwok's own module that describe how simulated nodes and pods behave.
KWOK_STAGES = (
    "kustomize/stage/node/fast",
    "kustomize/stage/node/heartbeat-with-lease",
    "kustomize/stage/pod/fast",
)


@dataclass(frozen=True, slots=True)
class ProgramSet:
    """Programs that are built together, when the first of them is needed."""

    name: str
    # What we call a program -> the Go package it is built from.
    packages: Mapping[str, str]
    # The folder of its go.mod below testbed/toolchain.
    source: str = "."
    linker_flags: str = "-s -w"
    tags: tuple[str, ...] = ()
    # Off, programs need nothing of the machine they run on.
    cgo: bool = True
    # Go names a binary after the last element of its package path, which may say nothing.
    go_names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    # What people are told before a first build.
    first_build: str = "a first build takes minutes"


def linker_flags(version: str = KUBERNETES_VERSION) -> str:
    """Stamp the version: clients (kubectl, Helm's capability checks) believe what is stamped."""
    major, minor, _ = version.removeprefix("v").split(".")
    stamps = [
        f"-X {package}.{name}={value}"
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
        for name, value in (("gitVersion", version), ("gitMajor", major), ("gitMinor", minor))
    ]
    return " ".join(["-s", "-w", *stamps])


CONTROL_PLANE = ProgramSet(
    "control-plane",
    {
        "etcd": "go.etcd.io/etcd/server/v3",
        "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
        "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
        "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
        "kubectl": "k8s.io/kubernetes/cmd/kubectl",
        "kwok": "sigs.k8s.io/kwok/cmd/kwok",
        "helm": "helm.sh/helm/v4/cmd/helm",
    },
    linker_flags=linker_flags(),
    go_names={"etcd": "server"},
    first_build="a first build takes about ten minutes on two cores, and 6 GB of disk with Go's caches",
)
# The kubelet and kube-proxy of the control plane's very version, so from the same go.mod.
NODE = ProgramSet(
    "node",
    {"kubelet": "k8s.io/kubernetes/cmd/kubelet", "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy"},
    linker_flags=linker_flags(),
    cgo=False,
    first_build="a first build takes about 4 minutes on two cores after that of the control plane",
)
CONTAINERD = ProgramSet(
    "containerd",
    {
        "containerd": "github.com/containerd/containerd/v2/cmd/containerd",
        "containerd-shim-runc-v2": "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
        "ctr": "github.com/containerd/containerd/v2/cmd/ctr",
    },
    source="containerd",
    linker_flags=f"-s -w -X github.com/containerd/containerd/v2/version.Version={CONTAINERD_VERSION}",
    # Snapshotters that need libraries or devices of the machine; overlayfs is the one we use.
    tags=("no_btrfs", "no_zfs", "no_aufs", "no_devmapper"),
    cgo=False,
    first_build="a first build takes 2 to 5 minutes on two cores",
)
COREDNS = ProgramSet(
    "coredns",
    {"coredns": "github.com/coredns/coredns"},
    source="coredns",
    cgo=False,
    first_build="a first build takes about 4 minutes on two cores",
)
# Tools that judge the chart; nothing of a cluster.
CHART = ProgramSet(
    "chart",
    {
        "kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform",
        "helm-unittest": "github.com/helm-unittest/helm-unittest/cmd/helm-unittest",
    },
    source="chart",
    cgo=False,
    first_build="a first build takes about a minute on two cores",
)
# The module that cert-manager publishes has no commands: a main of ours starts its controllers.
CERT_MANAGER = ProgramSet(
    "cert-manager",
    {"cert-manager-controller": "cutline.dev/testbed/toolchain/cert-manager"},
    source="cert-manager",
    cgo=False,
    go_names={"cert-manager-controller": "cert-manager"},
    first_build="a first build takes about 2 minutes on two cores",
)
SETS = (CONTROL_PLANE, NODE, CONTAINERD, COREDNS, CHART, CERT_MANAGER)
