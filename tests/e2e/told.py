"""What the operator tells people, read as they read it: statuses, conditions, events, metrics."""

from collections.abc import Callable
from typing import Any

from tests.e2e.cluster import Cluster
from tests.e2e.waiting import await_true

_BY_OPERATOR = "cutline.dev/operator"


def path_of(name: str, namespace: str) -> str:
    """Where the API server keeps a proposal."""
    return f"/apis/cutline.dev/v1alpha1/namespaces/{namespace}/remediationproposals/{name}"


def await_phase(cluster: Cluster, name: str, namespace: str, phase: str) -> dict[str, Any]:
    """The status of a proposal, once its phase is this one."""
    seen: dict[str, Any] = {}

    def is_there() -> bool:
        seen.clear()
        seen.update(cluster.send("admin", "GET", path_of(name, namespace)).must_pass().get("status") or {})
        return seen.get("phase") == phase

    await_true(is_there, f"proposal {name} is {phase}")
    return seen


def await_state(cluster: Cluster, proposal: str, state: str, reason: str) -> dict[str, Any]:
    """The one record of a proposal's use, once it is in this state for a reason with these words."""

    def found() -> list[dict[str, Any]]:
        told = ((one, one.get("status") or {}) for one in cluster.admitted(proposal))
        return [one for one, status in told if status.get("state") == state and reason in status["reason"]]

    await_true(lambda: bool(found()), f"the use of {proposal} is {state}: {reason}")
    (record,) = found()
    return record


def await_draft(cluster: Cluster, namespace: str, target: str, deny: Callable[[], object]) -> dict[str, Any]:
    """The one draft about a target, after as many denials as it takes.

    One that cannot be made in time is dropped, for who was denied will come again.
    """
    found: list[dict[str, Any]] = []

    def is_there() -> bool:
        deny()
        found[:] = [one for one in cluster.items("rprop", "-n", namespace) if one["spec"]["target"]["name"] == target]
        return bool(found)

    await_true(is_there, f"a denial about {target} was drafted")
    (draft,) = found
    return draft


def conditions(status: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Each condition of a status: whether it holds, and the reason."""
    return {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}


def message(status: dict[str, Any], condition: str) -> str:
    """What a condition of a status says for people."""
    return next(str(one["message"]) for one in status["conditions"] if one["type"] == condition)


def events(cluster: Cluster, kind: str, name: str, namespace: str) -> dict[str, tuple[str, str]]:
    """What the operator said about an object so far, by reason: how loudly, and in which words."""
    about = f"involvedObject.kind={kind},involvedObject.name={name}"
    found = cluster.items("events", "-n", namespace, "--field-selector", about)
    ours = [event for event in found if event.get("reportingComponent") == _BY_OPERATOR]
    return {event["reason"]: (event["type"], event["message"]) for event in ours}


def await_events(cluster: Cluster, kind: str, name: str, namespace: str, *reasons: str) -> dict[str, tuple[str, str]]:
    """The events about an object, once these are the reasons of all that there are."""
    await_true(
        lambda: set(events(cluster, kind, name, namespace)) == set(reasons),
        f"the events about {kind} {name} are {', '.join(reasons)}",
    )
    return events(cluster, kind, name, namespace)


def operator_metric(cluster: Cluster, name: str) -> float:
    """A metric of the operator that has no labels."""
    lines = cluster.metrics("operator").splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))
