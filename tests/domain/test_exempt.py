"""Exempt identities: each row accepts exactly its tuple, a kubelet only the pods of its own node."""

from dataclasses import replace
from typing import Any

import pytest

from cutline.domain.exempt import BUILT_IN, ExemptIdentity, additional, is_exempt
from cutline.domain.kind import NODE, POD, Kind
from cutline.domain.live import Live
from cutline.domain.request import Operation, Request
from cutline.domain.user import User
from tests import builders as make
from tests import wire


def described(identity: ExemptIdentity) -> str:
    resource = f"{identity.resource}/{identity.subresource}".rstrip("/")
    return f"{identity.username.rpartition(':')[2]}-{identity.operation.value}-{resource}"


each_row = pytest.mark.parametrize("row", BUILT_IN, ids=described)


def request_by(row: ExemptIdentity) -> Request:
    """The one request that the row is about, as its real sender sends it."""
    groups = tuple(group for group in (row.group, "system:authenticated") if group)
    return Request(
        uid="u",
        operation=row.operation,
        group=row.api_group,
        resource=row.resource,
        subresource=row.subresource,
        namespace=wire.SHOP,
        name="x",
        user=User(row.username, "uid", groups, "JTI=1"),
        object=None,
        old_object=None,
        options={},
        dry_run=False,
    )


def exempt(request: Request, live: Live | None = None) -> bool:
    return is_exempt(request, live, BUILT_IN)


@each_row
def test_a_row_lets_its_own_sender_through(row: ExemptIdentity) -> None:
    assert exempt(request_by(row))


@each_row
def test_a_row_is_needed_by_its_sender(row: ExemptIdentity) -> None:
    assert not is_exempt(request_by(row), None, [other for other in BUILT_IN if other != row])


@each_row
@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("operation", Operation.CREATE),
        ("operation", Operation.CONNECT),
        ("group", "batch"),
        ("resource", "secrets"),
        ("subresource", "finalize"),
        ("subresource", "eviction"),
    ],
)
def test_a_row_lets_nothing_else_through(row: ExemptIdentity, part: str, value: Any) -> None:
    changed: dict[str, Any] = {part: value}
    assert not exempt(replace(request_by(row), **changed))


@each_row
@pytest.mark.parametrize(
    "username",
    [
        "",
        "kube-system:{name}",
        "system:serviceaccount:default:{name}",
        "system:serviceaccount:kube-system:{name}-2",
        "system:serviceaccount:kube-system-2:{name}",
        "system:kube-controller-manager",
        "system:admin",
        "{NAME}",
    ],
)
def test_a_row_lets_nobody_else_through(row: ExemptIdentity, username: str) -> None:
    name = row.username.rpartition(":")[2]
    request = request_by(row)
    other = replace(request.user, username=username.format(name=name, NAME=row.username.upper()))
    assert not exempt(replace(request, user=other))


@each_row
def test_a_row_demands_the_group_and_the_credential_of_the_real_sender(row: ExemptIdentity) -> None:
    request = request_by(row)
    without_group = replace(request.user, groups=("system:authenticated", "system:serviceaccounts"))
    assert exempt(replace(request, user=without_group)) is (row.group == "")
    # Plain impersonation drops the real credential's id.
    assert not exempt(replace(request, user=replace(request.user, credential_id="")))


@each_row
def test_a_row_says_what_would_break_without_it(row: ExemptIdentity) -> None:
    assert row.why


def test_no_row_is_there_twice() -> None:
    assert len(set(BUILT_IN)) == len(BUILT_IN)


# --- kubelets


def kubelet(node: str = "node-1", groups: tuple[str, ...] = ("system:nodes",)) -> User:
    return User(f"system:node:{node}", "", groups)


def deletion(user: User, **parts: Any) -> Request:
    return replace(make.make_request(Operation.DELETE, kind=POD, name="web-1", user=user), **parts)


POD_ON_NODE_1 = make.make_live(POD)


def report(kind: Kind, user: User, *, labels: dict[str, str] | None = None) -> tuple[Request, Live]:
    """A status that changes nothing but itself, unless new labels are given."""
    old = wire.make_pod() if kind is POD else wire.make_node()
    new = old if labels is None else {**old, "metadata": {**old["metadata"], "labels": labels}}
    name = old["metadata"]["name"]
    request = make.make_request(kind=kind, subresource="status", name=name, user=user, old=old, new=new)
    return request, make.make_live(kind, old)


@pytest.mark.parametrize("kind", [POD, NODE])
def test_a_kubelet_reports_how_its_own_node_and_pods_are(kind: Kind) -> None:
    assert exempt(*report(kind, kubelet()))
    assert not exempt(*report(kind, kubelet("node-2")))
    assert not exempt(*report(kind, kubelet(groups=())))
    assert not exempt(*report(kind, kubelet(), labels={}))
    request, live = report(kind, kubelet())
    assert not exempt(replace(request, subresource=""), live)


def test_a_kubelet_deletes_the_pods_of_its_own_node() -> None:
    assert exempt(deletion(kubelet()), POD_ON_NODE_1)


@pytest.mark.parametrize(
    ("request_", "live"),
    [
        (deletion(kubelet("node-2")), POD_ON_NODE_1),
        (deletion(kubelet("node-1x")), POD_ON_NODE_1),
        (deletion(kubelet("")), make.make_live(POD, wire.make_pod(node=""))),
        (deletion(kubelet()), make.make_live(POD, wire.make_pod(node=""))),
        (deletion(kubelet()), None),
        (deletion(kubelet(groups=())), POD_ON_NODE_1),
        (deletion(kubelet(groups=("system:authenticated",))), POD_ON_NODE_1),
        (deletion(User("node-1", "", ("system:nodes",))), POD_ON_NODE_1),
        (deletion(kubelet(), operation=Operation.UPDATE), POD_ON_NODE_1),
        (deletion(kubelet(), operation=Operation.CREATE, subresource="eviction"), POD_ON_NODE_1),
        (deletion(kubelet(), resource="deployments", group="apps"), POD_ON_NODE_1),
        (deletion(kubelet(), resource="nodes"), POD_ON_NODE_1),
    ],
    ids=[
        "other node",
        "longer name",
        "nameless",
        "unbound pod",
        "no pod",
        "no group",
        "other group",
        "other user",
        "update",
        "eviction",
        "deployment",
        "node",
    ],
)
def test_a_kubelet_may_do_nothing_else(request_: Request, live: Live | None) -> None:
    assert not exempt(request_, live)


# --- what the installation adds


def test_an_added_identity_is_exact_too_but_shows_no_credential() -> None:
    added = additional({"username": "keda", "operation": "UPDATE", "group": "apps", "resource": "deployments"})
    request = make.make_request(user=User("keda"))
    assert is_exempt(request, None, [added])
    for other in (
        replace(request, user=User("kedah")),
        replace(request, operation=Operation.DELETE),
        replace(request, subresource="scale"),
        replace(request, resource="statefulsets"),
        replace(request, group=""),
    ):
        assert not is_exempt(other, None, [added])


def test_an_added_identity_of_an_unknown_operation_is_refused() -> None:
    with pytest.raises(ValueError, match="PATCH"):
        additional({"username": "keda", "operation": "PATCH", "resource": "deployments"})


@pytest.mark.parametrize("row", [row for row in BUILT_IN if row.metadata_only], ids=described)
def test_who_keeps_owners_writes_nothing_else(row: ExemptIdentity) -> None:
    request = request_by(row)
    old, owned = {"spec": {"a": 1}}, {"metadata": {"ownerReferences": []}, "spec": {"a": 1}}
    assert exempt(replace(request, old_object=old, object=owned))
    assert not exempt(replace(request, old_object=old, object={"spec": {"a": 2}}))
