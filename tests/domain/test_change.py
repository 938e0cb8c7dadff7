"""A request reduced to its change: one change has one digest, whoever sends it and how."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutline.domain.change import Change, End, Verb, change_from_canonical, change_of
from cutline.domain.difference import Field
from cutline.domain.errors import BadObject, Unrecognised
from cutline.domain.kind import DEPLOYMENT, NODE, POD, POLICY, STATEFUL_SET, Kind
from cutline.domain.live import live_of
from cutline.domain.request import Operation
from cutline.domain.tree import ABSENT
from tests import builders as make
from tests import strategies as some
from tests import wire

FIELD = "spec.changes[0].canonical"


def scale(old: int | None, new: int | None) -> dict[str, Any]:
    """A request's two Scale objects; zero replicas have no key at all, and maybe no spec."""
    sides = {}
    for side, count in (("old", old), ("new", new)):
        spec = {"replicas": count} if count else {}
        sides[side] = {"kind": "Scale", "metadata": {"name": "web"}, "spec": spec}
    return sides


def scaled(old: int, new: int) -> Change:
    live = live_of(DEPLOYMENT, wire.make_workload(replicas=old))
    return change_of(make.make_request(subresource="scale", **scale(old, new)), live)


def put(old: int, new: int, **also: Any) -> Change:
    return make.update(DEPLOYMENT, wire.make_workload(replicas=old), wire.make_workload(replicas=new, **also))[0]


# --- update and scale


@pytest.mark.parametrize(("old", "new"), [(5, 3), (3, 5), (5, 0), (0, 5), (1, 0)])
def test_a_scale_is_the_same_change_as_an_update_of_the_replicas(old: int, new: int) -> None:
    assert scaled(old, new) == put(old, new)
    assert scaled(old, new).digest == put(old, new).digest


@pytest.mark.parametrize(
    "new",
    [
        {},
        {"spec": {}},
        {"spec": None},
        {"spec": {"replicas": None}},
    ],
)
def test_a_scale_that_says_nothing_is_to_zero(new: dict[str, Any]) -> None:
    live = make.make_live()
    request = make.make_request(subresource="scale", old={"spec": {"replicas": 5}}, new=new)
    assert change_of(request, live).fields == (Field("/spec/replicas", 5, 0),)


def test_a_scale_to_the_same_count_changes_nothing() -> None:
    assert scaled(5, 5).fields == scaled(0, 0).fields == ()


@pytest.mark.parametrize(
    "noise",
    [
        {"generation": 8},
        {"resource_version": "101"},
        {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}},
        {"annotations": {"deployment.kubernetes.io/revision": "3"}},
        {"paused": None},
        {"template": wire.make_template(labels={"app": "web", "pod-template-hash": "x"}, tolerations=[])},
    ],
)
def test_what_clients_and_servers_add_does_not_show_in_the_digest(noise: dict[str, Any]) -> None:
    assert put(5, 3, **noise).digest == put(5, 3).digest


def test_a_change_of_something_else_as_well_is_another_change() -> None:
    assert put(5, 3, template=wire.make_template("web:3")).digest != put(5, 3).digest


@pytest.mark.parametrize("part", ["group", "kind", "namespace", "name", "uid"])
def test_the_same_change_of_another_object_has_another_digest(part: str) -> None:
    change = put(5, 3)
    other = {"group": "", "kind": "Pod", "namespace": "x", "name": "x", "uid": "x"}[part]
    assert replace(change, target=replace(change.target, **{part: other})).digest != change.digest


def test_the_old_side_is_part_of_the_change() -> None:
    assert put(6, 3).digest != put(5, 3).digest


def test_the_canonical_text_is_known_byte_by_byte() -> None:
    assert put(5, 3).canonical == (
        '{"difference":[{"new":3,"old":5,"path":"/spec/replicas"}],"format":"cutline/1",'
        '"target":{"group":"apps","kind":"Deployment","name":"web","namespace":"shop","uid":"web-uid"},'
        '"verb":"Update"}'
    )


def test_an_update_of_an_unknown_subresource_is_not_a_change_the_gate_knows() -> None:
    request = make.make_request(subresource="resize", old=wire.make_workload(), new=wire.make_workload())
    with pytest.raises(Unrecognised, match="resize"):
        change_of(request, make.make_live())


@pytest.mark.parametrize("subresource", ["status", "finalize"])
def test_labels_that_come_through_a_subresource_are_a_change_of_the_object(subresource: str) -> None:
    old, new = wire.make_workload(), wire.make_workload(labels={"app": "web"}) | {"status": {"replicas": 9}}
    change = change_of(make.make_request(subresource=subresource, old=old, new=new), live_of(DEPLOYMENT, old))
    assert [field.path for field in change.fields] == ["/metadata/labels/tier"]


@pytest.mark.parametrize("operation", [Operation.CREATE, Operation.CONNECT])
def test_what_is_neither_update_nor_delete_is_not_a_change(operation: Operation) -> None:
    with pytest.raises(Unrecognised):
        change_of(make.make_request(operation, new=wire.make_workload()), make.make_live())


def test_an_update_without_an_object_is_not_a_change() -> None:
    with pytest.raises(Unrecognised):
        change_of(make.make_request(old=wire.make_workload()), make.make_live())


# --- evictions and deletes


@pytest.mark.parametrize(
    ("options", "end"),
    [
        (None, End()),
        ({}, End()),
        ({"gracePeriodSeconds": 0}, End(0)),
        ({"gracePeriodSeconds": 5, "propagationPolicy": "Background"}, End(5, "Background")),
        ({"propagationPolicy": None, "gracePeriodSeconds": None}, End()),
        ({"gracePeriodSeconds": -7}, End(1)),
    ],
)
def test_an_eviction_ends_its_pod_as_its_body_says(options: Any, end: End) -> None:
    live = make.make_live(POD)
    body = {"kind": "Eviction", "metadata": {"name": "web-1"}, "deleteOptions": options}
    request = make.make_request(Operation.CREATE, kind=POD, subresource="eviction", name="web-1", new=body)
    assert change_of(request, live) == Change(live.target, Verb.EVICT, end=end)


@pytest.mark.parametrize("kind", [POD, DEPLOYMENT, NODE, POLICY])
def test_a_delete_ends_its_target_as_its_options_say(kind: Kind) -> None:
    live = make.make_live(kind)
    options = {"gracePeriodSeconds": 0, "propagationPolicy": "Orphan", "preconditions": {"uid": "x"}}
    request = make.make_request(Operation.DELETE, kind=kind, old=live.tree, options=options)
    assert change_of(request, live) == Change(live.target, Verb.DELETE, end=End(0, "Orphan"))


def test_a_delete_of_a_collection_is_about_the_old_object_though_the_request_names_none() -> None:
    live = make.make_live(POD, wire.make_pod("web-7"))
    change = change_of(make.make_request(Operation.DELETE, kind=POD, name="", old=live.tree), live)
    assert (change.target.name, change.target.uid) == ("web-7", "web-7-uid")


def test_an_eviction_and_a_delete_are_two_changes() -> None:
    live = make.make_live(POD)
    assert make.make_change(live, verb=Verb.EVICT).digest != make.make_change(live, verb=Verb.DELETE).digest


@pytest.mark.parametrize(
    ("kind", "verb", "removes"),
    [
        (POD, Verb.EVICT, True),
        (POD, Verb.DELETE, True),
        (POD, Verb.UPDATE, False),
        (NODE, Verb.DELETE, False),
        (STATEFUL_SET, Verb.DELETE, False),
    ],
)
def test_only_the_end_of_a_pod_removes_one(kind: Kind, verb: Verb, removes: bool) -> None:
    assert make.make_change(make.make_live(kind), verb=verb).removes_pod is removes


# --- the canonical text, read again


@given(some.worlds(some.ALL_GATED_KINDS), st.data())
def test_a_change_survives_being_written_down(world: Any, data: st.DataObject) -> None:
    change = data.draw(some.changes(world.live))
    if not any(_holds_a_large_double(value) for field in change.fields for value in (field.old, field.new)):
        assert change_from_canonical(change.canonical, FIELD) == change


def _holds_a_large_double(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_a_large_double, value.values()))
    if isinstance(value, list):
        return any(map(_holds_a_large_double, value))
    return isinstance(value, float) and abs(value) >= 2**53


def test_a_large_integer_survives_being_written_down() -> None:
    change = make.make_change(None, Field("/spec/template/spec/securityContext/runAsUser", ABSENT, 2**62))
    assert change_from_canonical(change.canonical, FIELD) == change


def test_a_large_double_survives_being_written_down() -> None:
    change = make.make_change(None, Field("/spec/x", ABSENT, 6.358241927523678e16))
    assert change_from_canonical(change.canonical, FIELD) == change


def test_a_large_integer_is_not_the_text_of_it() -> None:
    number, text = (make.make_change(None, Field("/spec/x", ABSENT, value)) for value in (2**62, str(2**62)))
    assert number.digest != text.digest


@pytest.mark.parametrize(
    "mangle",
    [
        lambda text: text + " ",
        lambda text: text.replace('"old":5', '"old":5.0'),
        lambda text: text.replace('"new":3', '"new":3,"new":3'),
        lambda text: text.replace("cutline/1", "cutline/2"),
        lambda text: text.replace('"Update"', '"Upsert"'),
        lambda text: text.replace('"uid":"web-uid"', '"uid":"web-uid","zone":"x"'),
        lambda text: text.replace(',"uid":"web-uid"', ""),
        lambda text: text.replace('{"difference"', '{"approved":true,"difference"'),
        lambda text: text.replace('"path":"/spec/replicas"', '"path":"/spec/replicas","why":"x"'),
        lambda text: text.replace('"new":3', '"new":NaN'),
        lambda text: text.replace('"old":5', '"old":"\\ud800"'),
        lambda text: text.replace('"difference":[', '"difference":[7,'),
        lambda text: "[]",
        lambda text: "null",
        lambda text: "7",
        lambda text: "",
    ],
)
def test_a_text_that_is_not_exactly_a_change_is_refused(mangle: Any) -> None:
    with pytest.raises(BadObject) as refused:
        change_from_canonical(mangle(put(5, 3).canonical), FIELD)
    assert refused.value.field == FIELD


# Accepted into a proposal that nobody has to sign, they would stop every removal of the same pod:
# a grace of 5 and one of "5" cannot be compared.
@pytest.mark.parametrize(
    "end", ['{"gracePeriodSeconds":"5"}', '{"gracePeriodSeconds":-5}', '{"gracePeriodSeconds":[]}', '{"propagation":7}']
)
def test_an_end_that_is_no_end_is_refused(end: str) -> None:
    text = make.make_change(make.make_live(POD), verb=Verb.EVICT, end=End(5)).canonical
    with pytest.raises(BadObject):
        change_from_canonical(text.replace('{"gracePeriodSeconds":5}', end), FIELD)


def test_a_text_that_is_too_deep_to_read_is_refused() -> None:
    with pytest.raises(BadObject):
        change_from_canonical("[" * 100_000, FIELD)
