"""Two objects that mean the same have equal content; everything else is a difference."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutline.domain.kind import DAEMON_SET, DEPLOYMENT, NAMESPACE, NODE, POD, POLICY, REPLICA_SET, STATEFUL_SET, Kind
from cutline.domain.normal_form import SHARE_ANNOTATIONS, canonical_quantity, content_of, template_content
from tests import strategies as some
from tests import wire


def with_container(**fields: Any) -> dict[str, Any]:
    template = wire.make_template()
    template["spec"]["containers"][0] |= fields
    return wire.make_workload(template=template)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1000m", "1"),
        ("0.5", "500m"),
        ("1Gi", "1024Mi"),
        ("1Ki", "1024"),
        ("1G", "1000M"),
        ("1e3", "1k"),
        ("1E3", "1000"),
        ("1.0", "1"),
        ("+2", "2"),
        ("2Ei", str(2**61)),
        ("100n", "0.0000001"),
        (1, "1"),
        (0.5, "500m"),
    ],
)
def test_quantities_compare_by_value(one: Any, other: Any) -> None:
    def limits(value: Any) -> Any:
        return content_of(DEPLOYMENT, with_container(resources={"limits": {"cpu": value}}))

    assert limits(one) == limits(other)
    assert limits(one) != limits("77")


@pytest.mark.parametrize("text", ["", "m", "1.2.3", "one", "1x", "1 Gi", "--1", ".", "1e999999", "1e-999999", "9" * 41])
def test_what_is_no_quantity_stays_as_it_is(text: str) -> None:
    assert canonical_quantity(text) == text


@given(st.integers(0, 10**12), st.sampled_from(["", "m", "k", "M", "Ki", "Mi", "Gi"]))
def test_a_canonical_quantity_is_its_own_canonical_form(amount: int, suffix: str) -> None:
    once = canonical_quantity(f"{amount}{suffix}")
    assert canonical_quantity(once) == once
    assert set(once) <= set("0123456789.")


def test_only_amounts_are_quantities() -> None:
    one = wire.make_workload(annotations={"limit": "1000m"})
    other = wire.make_workload(annotations={"limit": "1"})
    assert content_of(DEPLOYMENT, one) != content_of(DEPLOYMENT, other)


def test_null_is_the_same_as_absent() -> None:
    said = wire.make_workload(paused=None, strategy={"type": "Recreate", "rollingUpdate": None})
    unsaid = wire.make_workload(strategy={"type": "Recreate"})
    assert content_of(DEPLOYMENT, said) == content_of(DEPLOYMENT, unsaid)


def test_a_creation_timestamp_of_null_in_a_template_is_nothing() -> None:
    template = wire.make_template()
    template["metadata"]["creationTimestamp"] = None
    assert content_of(DEPLOYMENT, wire.make_workload(template=template)) == content_of(DEPLOYMENT, wire.make_workload())


@pytest.mark.parametrize(
    "field", [{"env": []}, {"args": []}, {"resources": {}}, {"resources": {"limits": {}}}, {"ports": []}]
)
def test_an_empty_list_or_map_is_absent_where_it_says_the_same(field: dict[str, Any]) -> None:
    assert content_of(DEPLOYMENT, with_container(**field)) == content_of(DEPLOYMENT, wire.make_workload())


@pytest.mark.parametrize("kind", [DEPLOYMENT, STATEFUL_SET, DAEMON_SET])
@pytest.mark.parametrize("key", ["nodeSelector", "tolerations", "securityContext", "volumes", "imagePullSecrets"])
def test_an_empty_field_of_the_pod_is_absent(kind: Kind, key: str) -> None:
    empty: Any = {} if key in ("nodeSelector", "securityContext") else []
    with_empty = wire.make_workload(kind, template=wire.make_template(**{key: empty}))
    assert content_of(kind, with_empty) == content_of(kind, wire.make_workload(kind))


@pytest.mark.parametrize("key", ["selector", "strategy", "somethingNew"])
def test_an_empty_map_means_something_everywhere_else(key: str) -> None:
    without = wire.make_workload()
    del without["spec"]["selector"]
    with_empty = {**without, "spec": {**without["spec"], key: {}}}
    assert content_of(DEPLOYMENT, with_empty) != content_of(DEPLOYMENT, without)


def test_an_empty_list_of_taints_is_no_taints() -> None:
    assert content_of(NODE, wire.make_node(taints=[])) == content_of(NODE, wire.make_node())


def test_a_node_without_a_spec_is_one_with_an_empty_one() -> None:
    bare = {key: value for key, value in wire.make_node().items() if key != "spec"}
    assert content_of(NODE, bare) == content_of(NODE, wire.make_node())


@pytest.mark.parametrize("key", ["labels", "annotations", "finalizers", "ownerReferences"])
@pytest.mark.parametrize("kind", [DEPLOYMENT, NODE, NAMESPACE, POD, POLICY])
def test_empty_metadata_is_no_metadata(kind: Kind, key: str) -> None:
    tree: dict[str, Any] = {"metadata": {"name": "x"}, "spec": {"a": 1}}
    empty: Any = {} if key in ("labels", "annotations") else []
    assert content_of(kind, {**tree, "metadata": {"name": "x", key: empty}}) == content_of(kind, tree)


@pytest.mark.parametrize(
    "key", ["uid", "resourceVersion", "generation", "managedFields", "creationTimestamp", "selfLink", "name"]
)
def test_the_servers_bookkeeping_is_not_content(key: str) -> None:
    tree = wire.make_workload()
    other = {**tree, "metadata": {**tree["metadata"], key: "something else"}}
    assert content_of(DEPLOYMENT, other) == content_of(DEPLOYMENT, tree)


def test_status_is_not_content() -> None:
    tree = wire.make_workload()
    assert content_of(DEPLOYMENT, {**tree, "status": {"replicas": 99}}) == content_of(DEPLOYMENT, tree)


@pytest.mark.parametrize(
    "key",
    [
        "kubectl.kubernetes.io/last-applied-configuration",
        "deployment.kubernetes.io/revision",
        "deployment.kubernetes.io/revision-history",
    ],
)
def test_annotations_that_clients_and_controllers_keep_for_themselves_are_dropped(key: str) -> None:
    assert content_of(DEPLOYMENT, wire.make_workload(annotations={key: "x"})) == content_of(
        DEPLOYMENT, wire.make_workload()
    )


@pytest.mark.parametrize("key", SHARE_ANNOTATIONS)
def test_the_share_that_a_replica_set_is_given_counts_for_it_alone(key: str) -> None:
    for kind in (DEPLOYMENT, STATEFUL_SET, DAEMON_SET):
        assert content_of(kind, wire.make_workload(annotations={key: "5"})) == content_of(kind, wire.make_workload())
    content = content_of(REPLICA_SET, wire.make_workload(REPLICA_SET, annotations={key: "5"}))
    assert content["metadata"]["annotations"] == {key: "5"}


@pytest.mark.parametrize("key", ["team", "kubectl.kubernetes.io/restartedAt", "deployment.kubernetes.iox/revision"])
def test_every_other_annotation_counts(key: str) -> None:
    content = content_of(DEPLOYMENT, wire.make_workload(annotations={key: "x"}))
    assert content["metadata"]["annotations"] == {key: "x"}


@pytest.mark.parametrize("key", ["labels", "finalizers", "ownerReferences"])
def test_what_people_write_into_metadata_counts(key: str) -> None:
    tree = wire.make_workload()
    value: Any = {"a": "b"} if key == "labels" else [{"a": "b"}]
    other = {**tree, "metadata": {**tree["metadata"], key: value}}
    assert content_of(DEPLOYMENT, other) != content_of(DEPLOYMENT, tree)


@pytest.mark.parametrize(
    ("kind", "dropped"), [(DEPLOYMENT, True), (REPLICA_SET, True), (STATEFUL_SET, False), (DAEMON_SET, False)]
)
def test_the_label_that_the_deployment_controller_adds_to_a_template_is_dropped(kind: Kind, dropped: bool) -> None:
    hashed = wire.make_template(labels={"app": "web", "pod-template-hash": "abc"})
    same = content_of(kind, wire.make_workload(kind, template=hashed)) == content_of(kind, wire.make_workload(kind))
    assert same is dropped


def test_a_template_with_no_other_label_loses_its_labels_with_the_hash() -> None:
    template = {"metadata": {"labels": {"pod-template-hash": "abc"}}, "spec": {}}
    assert template_content(DEPLOYMENT, template) == {"spec": {}}


def test_the_hash_label_of_anything_but_a_template_counts() -> None:
    labels = {"pod-template-hash": "abc"}
    assert content_of(DEPLOYMENT, wire.make_workload(labels=labels))["metadata"]["labels"] == labels


def test_a_revision_stores_what_the_workload_says() -> None:
    template = wire.make_template("web:1", tolerations=[], labels={"app": "web", "pod-template-hash": "abc"})
    live = content_of(DEPLOYMENT, wire.make_workload(template=wire.make_template("web:1")))
    assert template_content(DEPLOYMENT, template) == live["spec"]["template"]


@given(some.worlds())
def test_normal_form_is_its_own_normal_form(world: Any) -> None:
    assert content_of(world.live.kind, world.live.content) == world.live.content


@given(some.worlds(), some.json_values)
def test_a_field_that_nobody_thought_of_is_a_difference(world: Any, value: Any) -> None:
    tree = dict(world.live.tree)
    spec = dict(tree.get("spec") or {})
    before = content_of(world.live.kind, {**tree, "spec": {k: v for k, v in spec.items() if k != "new"}})
    after = content_of(world.live.kind, {**tree, "spec": {**spec, "new": value}})
    assert before != after
