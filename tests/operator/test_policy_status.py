"""The status of a policy."""

from collections.abc import Mapping
from typing import Any

from cutline_operator.policy_status import Selectable, policy_status
from tests.builders import NOW
from tests.wire import make_line_tree, make_policy_tree

LABELS: tuple[Mapping[str, str], ...] = ({"cutline.dev/line": "production"}, {"cutline.dev/line": "staging"}, {})


def test_says_what_it_selects() -> None:
    where = {"namespaces": {"matchLabels": {"cutline.dev/line": "production"}}, "cluster": ["Nodes"]}
    found = policy_status(make_policy_tree(where=where), Selectable(LABELS, 7), NOW)
    assert (found["selectedNamespaces"], found["selectedNodes"]) == (1, 7)
    assert found["conditions"][0]["status"] == "True"


def test_selects_no_nodes_unless_it_says_so() -> None:
    found = policy_status(make_policy_tree(where={"namespaces": {}}), Selectable(LABELS, 7), NOW)
    assert (found["selectedNamespaces"], found["selectedNodes"]) == (2, 0)


def test_one_that_selects_nothing_says_so() -> None:
    where = {"namespaces": {"matchLabels": {"cutline.dev/line": "nowhere"}}}
    found = policy_status(make_policy_tree(where=where), Selectable(LABELS, 7), NOW)
    assert found["conditions"][0]["reason"] == "SelectsNothing"


def ready(**spec: Any) -> tuple[str, str, str]:
    (condition,) = policy_status(make_policy_tree(**spec), Selectable(LABELS, 7), NOW)["conditions"]
    return condition["status"], condition["reason"], condition["message"]


def test_one_says_which_line_is_not_recognised_yet() -> None:
    later = make_line_tree("traffic", actions=["CutTraffic"])
    status, reason, message = ready(lines=[make_line_tree(), later])
    assert (status, reason) == ("True", "InForce")
    assert "CutTraffic not recognised" in message
    assert "(line traffic)" in message
    assert "not recognised" not in ready()[2]
    status, reason, message = ready(lines=[later])
    assert (status, reason) == ("False", "NothingRecognised")
    assert "(line traffic)" in message


def test_one_says_that_no_kind_of_the_cluster_is_recognised_yet() -> None:
    status, reason, message = ready(where={"namespaces": {}, "cluster": ["PersistentVolumes"]})
    assert (status, reason) == ("True", "InForce")
    assert "no change of PersistentVolumes" in message
    assert ready(where={"cluster": ["PersistentVolumes"]})[:2] == ("False", "NothingRecognised")


def test_one_that_cannot_be_read_is_not_ready_and_says_why() -> None:
    found = policy_status(make_policy_tree(lines=[]), Selectable(LABELS, 7), NOW)
    (condition,) = found["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", "Unreadable")
    assert "spec.lines" in condition["message"]
    assert "selectedNamespaces" not in found
