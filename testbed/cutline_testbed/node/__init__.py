"""Real nodes: kubelet, containerd and kube-proxy, each node in namespaces of its own on this machine."""
