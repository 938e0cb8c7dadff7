"""The rows of the exempt identities: what tests call them, and how the acts of their controllers are logged."""

from cutline.domain.exempt import ExemptIdentity
from cutline.domain.request import Operation
from tests.e2e.cluster import Cluster
from tests.e2e.waiting import await_true

_CONTROLLER = "system:serviceaccount:kube-system:"
_VERBS = {Operation.UPDATE: {"update", "patch"}, Operation.DELETE: {"delete", "deletecollection"}}


def name_of(row: ExemptIdentity) -> tuple[str, str, str]:
    resource = f"{row.resource}/{row.subresource}" if row.subresource else row.resource
    return row.username.removeprefix(_CONTROLLER), row.operation.value, resource


def id_of(row: ExemptIdentity) -> str:
    return " ".join(name_of(row))


def await_act(cluster: Cluster, namespace: str, controller: str, operation: str, resource: str) -> None:
    """The controller itself did it: its user name stands in the audit log, with success."""
    username = controller if controller.startswith("system:") else _CONTROLLER + controller
    resource, _, subresource = resource.partition("/")

    def is_logged() -> bool:
        return any(
            event["user"]["username"] == username
            and event["verb"] in _VERBS[Operation(operation)]
            and event["objectRef"]["resource"] == resource
            and subresource in ("", event["objectRef"].get("subresource"))
            and event["responseStatus"]["code"] < 300
            for event in cluster.audit(namespace)
            if event.get("objectRef") and event.get("responseStatus")
        )

    await_true(is_logged, f"{controller} did {operation} {resource} in {namespace}")
