"""Takes out of a review what says nothing of the request but much of the machine: field owners, kernels, addresses."""

import copy
from typing import Any

from cutline_testbed.recording import Recorded

Tree = dict[str, Any]
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# Of the status, by kind.
_OF_THE_MACHINE = {
    "Node": ("nodeInfo", "images", "addresses", "runtimeHandlers", "features", "config", "daemonEndpoints"),
    "Pod": ("hostIP", "hostIPs", "podIP", "podIPs"),
}


def trimmed(review: Recorded) -> Tree:
    """The review as YAML is to hold it."""
    request = copy.deepcopy(review.request)
    for part in ("object", "oldObject"):
        if request.get(part):
            request[part] = trimmed_object(request[part])
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def trimmed_object(tree: Tree) -> Tree:
    """An object without what its writers and its machine left in it."""
    metadata = dict(tree.get("metadata") or {})
    metadata.pop("managedFields", None)
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != _APPLIED}
    if "annotations" in metadata:
        metadata["annotations"] = annotations
    result = {**tree, "metadata": metadata} if metadata else dict(tree)
    dropped = _OF_THE_MACHINE.get(str(tree.get("kind")), ())
    if dropped and tree.get("status"):
        result["status"] = {key: value for key, value in tree["status"].items() if key not in dropped}
    return result
