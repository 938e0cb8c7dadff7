"""Revisions in any shape that somebody may have stored."""

from typing import Any

import pytest

from cutline.kube.revisions import controller_revision, replica_set_revision
from tests import wire

METADATA = {"name": "web-1", "uid": "r-1"}


def controller(data: Any) -> dict[str, Any]:
    return {"metadata": METADATA, "revision": 3, "data": data}


def test_a_controllers_revision_is_its_template_without_the_mark() -> None:
    template = wire.make_template("web:1")
    revision = controller_revision(controller({"spec": {"template": {"$patch": "replace", **template}}}))
    assert (revision.number, revision.uid) == (3, "r-1")
    assert revision.template["spec"]["containers"][0]["image"] == "web:1"
    assert "$patch" not in revision.template


@pytest.mark.parametrize(
    "data",
    [
        None,
        "text",
        {"spec": "text"},
        {"spec": {"template": ["list"]}},
        {"spec": {"template": {"spec": "text"}}},
        {"spec": {"template": {"spec": {"containers": {"not": "a list"}}}}},
        {"spec": {"template": {"spec": {"containers": ["text"]}}}},
        {"spec": {"template": {"spec": {"containers": [], "initContainers": [None]}}}},
    ],
    ids=str,
)
def test_what_no_controller_could_return_to_has_no_template(data: Any) -> None:
    assert controller_revision(controller(data)).template == {}


def test_amounts_without_end_are_not_written_out() -> None:
    template = wire.make_template()
    limits = {f"x{index}": "1e999999" for index in range(100)}
    template["spec"]["containers"][0]["resources"] = {"limits": limits}
    stored = controller_revision(controller({"spec": {"template": template}})).template
    assert stored["spec"]["containers"][0]["resources"]["limits"] == limits


@pytest.mark.parametrize(("said", "number"), [("7", 7), ("x", 0), ("²", 0), ("-1", 0), ("", 0), ("9" * 4301, 0)])
def test_a_number_that_nobody_can_count_to_is_none(said: str, number: int) -> None:
    metadata = {**METADATA, "annotations": {"deployment.kubernetes.io/revision": said}}
    assert replica_set_revision({"metadata": metadata, "spec": {"template": wire.make_template()}}).number == number
