"""Demands told once: nothing that is asked gets lost, and nothing else is."""

from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest
import yaml

from cutline.domain.distinct import MOST_DEMANDS, distinct
from cutline.domain.requirement import Requirement
from tests import builders as make

ONE = make.make_requirement(line="b")


def test_of_lines_that_ask_the_same_the_first_by_name_stays() -> None:
    same = [make.make_requirement(line=name) for name in ("c", "a", "b")]
    for order in permutations(same):
        assert distinct(order) == (make.make_requirement(line="a"),)


def test_the_order_of_the_groups_that_must_be_among_them_asks_nothing() -> None:
    parts = [("seniors", 1), ("dba", 1)]
    both = [make.make_requirement(2, including=parts), make.make_requirement(2, including=parts[::-1], line="z")]
    assert len(distinct(both)) == 1


@pytest.mark.parametrize(
    "other",
    [
        make.make_requirement(2, line="a"),
        make.make_requirement(groups=["sre", "seniors"], line="a"),
        make.make_requirement(including=[("seniors", 1)], line="a"),
        make.make_requirement(valid_for=timedelta(minutes=5), line="a"),
    ],
    ids=["approvals", "groups", "including", "how long an approval lasts"],
)
def test_what_asks_anything_else_stays(other: Requirement) -> None:
    assert distinct([ONE, other]) == (other, ONE)


@pytest.mark.parametrize("kind", ["remediationproposals", "admittedchanges"])
def test_the_definitions_have_room_for_as_many(kind: str) -> None:
    definition = yaml.safe_load(Path(f"crds/{kind}.cutline.dev.yaml").read_text())
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert schema["properties"]["spec"]["properties"]["requirement"]["maxItems"] == MOST_DEMANDS
