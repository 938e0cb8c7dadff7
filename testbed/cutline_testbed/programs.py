"""The programs of the testbed and how they are built: names and flags, nothing that runs.

It refuses to pin versions of modules: those are in testbed/toolchain/go.mod alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

KUBERNETES_VERSION = "v1.37.2"

# What we call a program -> the Go package it is built from.
PACKAGES: Mapping[str, str] = MappingProxyType(
    {
        "etcd": "go.etcd.io/etcd/server/v3",
        "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
        "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
        "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
        "kubectl": "k8s.io/kubernetes/cmd/kubectl",
        "kwok": "sigs.k8s.io/kwok/cmd/kwok",
        "helm": "helm.sh/helm/v4/cmd/helm",
    }
)

# Go names a binary after the last element of its package path, which for etcd says nothing.
GO_NAMES: Mapping[str, str] = MappingProxyType({"etcd": "server"})

# Folders of kwok's own module that describe how simulated nodes and pods behave.
KWOK_STAGES = (
    "kustomize/stage/node/fast",
    "kustomize/stage/node/heartbeat-with-lease",
    "kustomize/stage/pod/fast",
)


def linker_flags(version: str = KUBERNETES_VERSION) -> str:
    """Stamp the version: clients (kubectl, Helm's capability checks) believe what is stamped."""
    major, minor, _ = version.removeprefix("v").split(".")
    stamps = [
        f"-X {package}.{name}={value}"
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
        for name, value in (("gitVersion", version), ("gitMajor", major), ("gitMinor", minor))
    ]
    return " ".join(["-s", "-w", *stamps])
