"""Our own kinds at the webhook: what of them never changes, and who writes what."""

import copy
from collections.abc import Collection
from typing import Any

import pytest

from cutline.domain.effect import Action
from cutline.domain.errors import BadObject
from cutline.domain.kind import POLICY
from cutline.domain.request import Operation
from cutline.domain.user import User
from cutline_webhook.guarding import MOST_BYTES
from cutline_webhook.refusal import Refused
from tests import builders as make
from tests import wire
from tests.webhook.own_kinds import EVERYBODY, OPERATOR, by_hand, check, request, stamped, stored
from tests.webhook.test_gate import cluster, signed_cluster


@pytest.mark.parametrize("plural", sorted(stored()))
@EVERYBODY
def test_a_spec_never_changes(plural: str, user: User) -> None:
    old = stored()[plural]
    new = copy.deepcopy(old)
    new["spec"]["more"] = "x"
    with pytest.raises(Refused, match="never changes"):
        check(signed_cluster(), request(plural, Operation.UPDATE, user, old=old, new=new))


@pytest.mark.parametrize("plural", [*stored(), "reversibilitypolicies"])
@EVERYBODY
def test_a_status_is_the_operators_alone(plural: str, user: User) -> None:
    tree = stored().get(plural, {})
    asked = request(plural, Operation.UPDATE, user, old=tree, new=tree, subresource="status")
    if user is OPERATOR:
        assert check(signed_cluster(), asked) == ()
        return
    with pytest.raises(Refused, match="operator alone"):
        check(signed_cluster(), asked)


@EVERYBODY
def test_a_record_is_written_by_nobody_but_the_gate(user: User) -> None:
    with pytest.raises(Refused, match="webhook alone"):
        check(cluster(), request("admittedchanges", Operation.CREATE, user, new=stored()["admittedchanges"]))


@pytest.mark.parametrize("key", ["ownerReferences", "finalizers"])
@pytest.mark.parametrize("plural", sorted(stored()))
def test_nobody_hands_our_kinds_to_a_controller(plural: str, key: str) -> None:
    old = stored()[plural]
    new = copy.deepcopy(old)
    new["metadata"][key] = [{"uid": "dead"}]
    for operation, before in ((Operation.UPDATE, old), (Operation.CREATE, None)):
        with pytest.raises(Refused, match=key):
            check(signed_cluster(), request(plural, operation, make.ALICE, old=before, new=new))


def test_a_policy_that_cannot_be_meant_is_refused_at_apply() -> None:
    for operation in (Operation.CREATE, Operation.UPDATE):
        asked = make.make_request(operation, kind=POLICY, old={}, new=wire.make_policy_tree(lines=[]))
        with pytest.raises(BadObject):
            check(cluster(), asked)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("text", "spec"),
        (["text"], "spec"),
        ({"changes": "text"}, "spec.changes"),
        ({"changes": ["text"]}, "spec.changes[0]"),
        ({"changes": [None]}, "spec.changes[0].canonical"),
        ({"target": "text"}, "spec.target"),
        ({"drain": {}, "scaleDown": "text"}, "spec.scaleDown"),
        ({"emergency": "text"}, "spec.emergency"),
    ],
)
def test_a_proposal_of_another_shape_is_refused_by_its_field(spec: Any, field: str) -> None:
    """As if the definition did not refuse it before."""
    whole = by_hand(**spec)["spec"] if isinstance(spec, dict) else spec
    with pytest.raises(BadObject) as refused:
        stamped(cluster(), "remediationproposals", make.AGENT, {**by_hand(), "spec": whole})
    assert refused.value.field == field


@pytest.mark.parametrize("spec", ["text", ["text"], 1])
@pytest.mark.parametrize("plural", [*stored(), "reversibilitypolicies"])
def test_an_object_of_another_shape_is_refused_by_its_field(plural: str, spec: Any) -> None:
    tree = {"metadata": {"name": "odd", "namespace": wire.SHOP}, "spec": spec}
    asked = request(plural, Operation.CREATE, make.ALICE, new=tree)
    with pytest.raises(BadObject, match="spec: must be an object"):
        check(signed_cluster(), asked)
    if plural == "signoffs":
        with pytest.raises(BadObject, match="spec: must be an object"):
            stamped(signed_cluster(), plural, make.ALICE, tree)


@pytest.mark.parametrize("operation", [Operation.CREATE, Operation.UPDATE])
def test_a_policy_that_selects_nothing_is_warned_of(operation: Operation) -> None:
    def warnings(**where: Any) -> Collection[str]:
        asked = make.make_request(operation, kind=POLICY, old={}, new=wire.make_policy_tree(where=where))
        return check(cluster(), asked)

    nowhere = {"matchLabels": {"cutline.dev/line": "nowhere"}}
    (warning,) = warnings(namespaces=nowhere)
    assert "selects no namespace so far" in warning
    assert not warnings(namespaces=nowhere, cluster=["Nodes"])
    assert not warnings(namespaces={"matchLabels": {"cutline.dev/line": "production"}})


@pytest.mark.parametrize("operation", [Operation.CREATE, Operation.UPDATE])
def test_what_of_a_policy_is_not_recognised_yet_is_warned_of(operation: Operation) -> None:
    def warnings(**spec: Any) -> Collection[str]:
        asked = make.make_request(operation, kind=POLICY, old={}, new=wire.make_policy_tree(**spec))
        return check(cluster(), asked)

    every = [action.value for action in Action if action is not Action.LOOSENING]
    assert not warnings(lines=[wire.make_line_tree(actions=every)])
    (warning,) = warnings(lines=[wire.make_line_tree(), wire.make_line_tree("ends", actions=["Delete"])])
    assert warning.startswith("policy production: Delete not recognised")
    assert "line ends" in warning
    namespaces = wire.make_policy_tree()["spec"]["where"]["namespaces"]
    (warning,) = warnings(where={"namespaces": namespaces, "cluster": ["PersistentVolumes"]})
    assert "where.cluster: no change of PersistentVolumes" in warning
    many = [wire.make_line_tree(f"line-{'x' * 50}-{number}", actions=["Delete"]) for number in range(32)]
    (warning,) = warnings(lines=[wire.make_line_tree(), *many[1:]])
    assert len(warning) == 256


@pytest.mark.parametrize("plural", sorted(stored()))
@pytest.mark.parametrize(
    "grown",
    [
        {"annotations": {"note": "x" * MOST_BYTES}},
        {"managedFields": [{"manager": f"m-{number}", "fieldsV1": {"f:x": {}}} for number in range(10_000)]},
        {"annotations": {"note": "ü" * (MOST_BYTES // 2)}},
    ],
    ids=["annotations", "managed fields", "bytes, not characters"],
)
def test_no_object_grows_beyond_what_a_decision_can_read(plural: str, grown: dict[str, Any]) -> None:
    old = stored()[plural]
    new = {**old, "metadata": {**old["metadata"], **grown}}
    (key,) = grown
    asked = request(plural, Operation.UPDATE, OPERATOR, old=old, new=new)
    with pytest.raises(Refused, match=f"metadata.{key}: takes .* KiB"):
        check(signed_cluster(), asked)
    # What got in before there was a limit may be made smaller, bit by bit.
    larger = {**old, "metadata": {**new["metadata"], "labels": {"a": "b"}}}
    check(signed_cluster(), request(plural, Operation.UPDATE, OPERATOR, old=larger, new=new))
