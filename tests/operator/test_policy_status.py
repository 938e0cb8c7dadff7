"""The status of a policy."""

from collections.abc import Mapping

from cutline_operator.policy_status import Selectable, policy_status
from tests.builders import NOW
from tests.wire import make_policy_tree

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


def test_one_that_cannot_be_read_is_not_ready_and_says_why() -> None:
    found = policy_status(make_policy_tree(lines=[]), Selectable(LABELS, 7), NOW)
    (condition,) = found["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", "Unreadable")
    assert "spec.lines" in condition["message"]
    assert "selectedNamespaces" not in found
