"""JSON trees: pointers, the canonical form, and changing one value of many."""

from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from cutline.domain.difference import Field, apply, difference, field_from_tree
from cutline.domain.tree import ABSENT, canonical, digest, digest_text, lookup, pointer, segments, with_value
from tests import strategies as some

keys = st.lists(st.text("ab/~0é", max_size=3), max_size=4)


@given(keys)
def test_a_pointer_names_exactly_its_keys(path: list[str]) -> None:
    assert list(segments(pointer(path))) == path


def test_keys_with_slashes_are_escaped_as_rfc_6901_says() -> None:
    assert pointer(["metadata", "annotations", "a/b~c"]) == "/metadata/annotations/a~1b~0c"


@given(some.json_objects)
def test_the_order_of_keys_does_not_show(tree: dict[str, Any]) -> None:
    reversed_tree = dict(reversed(list(tree.items())))
    assert canonical(tree) == canonical(reversed_tree)
    assert digest(tree) == digest(reversed_tree)


def test_a_digest_names_its_algorithm() -> None:
    assert digest_text("{}") == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert digest({}) == digest_text("{}")


@pytest.mark.parametrize("number", [2**53, -(2**53), 2**53 + 1, 2**63 - 1, 10**30])
def test_integers_that_doubles_cannot_hold_are_exact(number: int) -> None:
    assert canonical({"n": number}) == f'{{"n":{number}}}'
    assert canonical({"n": number}) != canonical({"n": str(number)})


@pytest.mark.parametrize("number", [0, 1, -1, 2**53 - 1, -(2**53) + 1])
def test_integers_that_doubles_hold_are_numbers(number: int) -> None:
    assert canonical({"n": number}) == f'{{"n":{number}}}'


@given(st.integers(2**53, 2**70), st.integers(2**53, 2**70))
def test_no_two_large_integers_share_a_form(one: int, other: int) -> None:
    assert (canonical(one) == canonical(other)) == (one == other)


@given(some.json_values)
def test_for_everything_that_a_double_holds_the_form_is_that_of_rfc_8785(tree: Any) -> None:
    try:
        expected = rfc8785.dumps(tree).decode()
    except rfc8785.IntegerDomainError:
        return
    # Doubles beyond 2^53 keep their exponent here, lest they be read back as integers.
    assert canonical(tree) == expected or any(abs(number) >= 2**53 for number in doubles_in(tree))


def doubles_in(tree: Any) -> list[float]:
    if isinstance(tree, float):
        return [tree]
    below = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return [number for child in below for number in doubles_in(child)]


def test_truth_is_no_number() -> None:
    assert canonical([True, 1]) == "[true,1]"


@pytest.mark.parametrize("tree", [{}, {"a": None}, {"a": {}}, {"a": {"b": None}}, {"a": "text"}, {"a": ["b"]}, None])
def test_what_is_not_there_is_absent(tree: Any) -> None:
    assert lookup(tree, "/a/b") is ABSENT


def test_looks_up_what_is_there() -> None:
    assert lookup({"a": {"b/c": 0}}, "/a/b~1c") == 0
    assert lookup({"a": 1}, "") == {"a": 1}


def test_setting_a_value_makes_its_parents_and_leaves_the_original_alone() -> None:
    tree: dict[str, Any] = {"a": {"x": 1}}
    assert with_value(tree, "/a/b/c", 2) == {"a": {"x": 1, "b": {"c": 2}}}
    assert tree == {"a": {"x": 1}}


def test_removing_a_value_leaves_its_parents() -> None:
    assert with_value({"a": {"x": 1}}, "/a/x", ABSENT) == {"a": {}}
    assert with_value({}, "/a/x", ABSENT) == {"a": {}}


@pytest.mark.parametrize(
    ("old", "new"), [(1, True), (0, False), (1, "1"), ("", None), ([], {}), ([1], [True]), ({"a": 1}, {"a": True})]
)
def test_values_of_different_types_differ(old: Any, new: Any) -> None:
    assert len(difference({"f": old}, {"f": new} if new is not None else {})) == 1


def test_a_list_differs_as_a_whole() -> None:
    assert difference({"l": [1, 2]}, {"l": [2, 1]}) == (Field("/l", [1, 2], [2, 1]),)


def test_fields_come_in_the_order_of_their_pointers() -> None:
    paths = [field.path for field in difference({"b": 1, "a": {"z": 1, "y": 1}}, {"c": 1})]
    assert paths == sorted(paths) == ["/a", "/b", "/c"]


def test_an_empty_object_is_not_an_absent_one() -> None:
    assert difference({}, {"a": {}}) == (Field("/a", ABSENT, {}),)
    assert difference({"a": {}}, {}) == (Field("/a", {}, ABSENT),)
    assert apply({}, difference({}, {"a": {}})) == {"a": {}}


@given(some.json_objects, some.json_objects)
def test_a_field_survives_being_written_down(old: dict[str, Any], new: dict[str, Any]) -> None:
    for field in difference(old, new):
        assert field_from_tree(field.as_tree()) == field


@pytest.mark.parametrize(
    ("path", "inside"), [("/a", True), ("/a/b", True), ("/ab", False), ("/b/a", False), ("", False)]
)
def test_a_field_is_within_what_stands_above_it(path: str, inside: bool) -> None:
    assert Field(path, 1, 2).is_within("/a") is inside
