"""What a workload can be rolled back to, read from where its controller keeps it.

Whoever may write these objects writes them in any shape and size. A revision that cannot be one is
read as one without a template or a number, and stops no decision about the workload.
"""

from typing import Any

from cutline.domain.kind import DEPLOYMENT, STATEFUL_SET
from cutline.domain.live import Revision
from cutline.domain.normal_form import content_of, template_content
from cutline.domain.tree import JsonObject

REVISION = "deployment.kubernetes.io/revision"
"""The annotation by which a Deployment and its ReplicaSets say which revision they are."""
_MOST_DIGITS = 18  # Kubernetes counts in 64 bits


def replica_set_revision(tree: JsonObject) -> Revision:
    """A Deployment's revision, as one of its ReplicaSets holds it."""
    metadata = tree["metadata"]
    number = str((metadata.get("annotations") or {}).get(REVISION, ""))
    content = content_of(DEPLOYMENT, tree)
    return Revision(
        uid=metadata["uid"],
        # Anybody may write the annotation; what is no number names no revision.
        number=int(number) if number.isascii() and number.isdigit() and len(number) <= _MOST_DIGITS else 0,
        template=template_content(DEPLOYMENT, (tree.get("spec") or {}).get("template") or {}),
        annotations=(content.get("metadata") or {}).get("annotations") or {},
    )


def controller_revision(tree: JsonObject) -> Revision:
    """A StatefulSet's or DaemonSet's revision.

    `data` is the patch that undoes to this revision, its template marked as a replacement.
    """
    metadata = tree["metadata"]
    template = _template_of(tree.get("data"))
    return Revision(
        uid=metadata["uid"],
        number=int(tree.get("revision", 0)),
        template=template_content(STATEFUL_SET, {key: value for key, value in template.items() if key != "$patch"}),
        annotations={},
    )


def _template_of(data: Any) -> JsonObject:
    """The template in a ControllerRevision's data, which the API server takes in any shape.

    What is no template of containers is none: no controller could return to it.
    """
    template: Any = data
    for key in ("spec", "template"):
        template = template.get(key) if isinstance(template, dict) else None
    if not isinstance(template, dict) or not isinstance(template.get("spec"), dict):
        return {}
    lists = [template["spec"].get(key) or [] for key in ("initContainers", "containers")]
    is_whole = all(isinstance(one, list) and all(isinstance(item, dict) for item in one) for one in lists)
    return template if is_whole else {}
