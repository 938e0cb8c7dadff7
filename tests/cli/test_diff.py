"""The diff says what is signed: all of it, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutline.domain.change import Change, End, Verb
from cutline.domain.difference import Field
from cutline.domain.effect import Effect
from cutline.domain.target import Target
from cutline.domain.text import visible
from cutline.domain.tree import ABSENT
from cutline_cli.rendering.diff import ending_of, entry_blocks, field_name
from cutline_cli.visible import columns
from tests.cli.samples import entry, update

_WIDTH = 80


def texts(change: Change) -> list[str]:
    """The lines of an entry of which every field has an effect."""
    whole = entry(change, Effect.CUSTOM)
    return [line.text for block in entry_blocks(whole, _WIDTH) for line in block]


def test_a_scalar_stands_as_old_and_new() -> None:
    assert texts(update(Field("/spec/replicas", 6, 2))) == ["@ spec.replicas", "- 6", "+ 2"]


def test_a_value_that_comes_or_goes_stands_alone() -> None:
    assert texts(update(Field("/spec/paused", ABSENT, True))) == ["@ spec.paused", "+ true"]
    assert texts(update(Field("/spec/paused", True, ABSENT))) == ["@ spec.paused", "- true"]


def test_a_structure_shows_the_lines_that_differ() -> None:
    old = [{"name": "app", "image": "r/app:2", "args": [str(number) for number in range(20)]}]
    new = [{**old[0], "image": "r/app:1"}]
    shown = texts(update(Field("/spec/template/spec/containers", old, new)))
    assert [line for line in shown if line[0] in "+-"] == ["-   image: r/app:2", "+   image: r/app:1"]
    assert len(shown) < 10


def test_texts_that_differ_in_type_differ_on_the_screen() -> None:
    assert texts(update(Field("/a", "2", 2)))[1:] == ['- "2"', "+ 2"]
    assert texts(update(Field("/a", [1.0], [1])))[1:] != []


def test_a_long_line_is_folded_and_never_cut() -> None:
    shown = texts(update(Field("/a", "x" * 300 + "old", "x" * 300 + "new")))
    assert all(columns(line) <= _WIDTH for line in shown)
    assert "".join(line.removeprefix("+ ").removeprefix("… ") for line in shown if line[0] == "+").endswith('new"')


def test_keys_that_are_no_words_are_quoted() -> None:
    assert field_name("/metadata/annotations/a.example~1b") == 'metadata.annotations["a.example/b"]'
    assert field_name("/spec/replicas") == "spec.replicas"


def test_an_end_says_how() -> None:
    pod = Target("", "Pod", "shop", "web-0", "u")
    evicted = Change(pod, Verb.EVICT, end=End())
    deleted = Change(pod, Verb.DELETE, end=End(0, "Background"))
    assert ending_of(evicted) == "pod/web-0 (shop) is evicted"
    assert ending_of(deleted) == "pod/web-0 (shop) is deleted, with 0s of grace, dependents: Background"


def test_a_text_is_never_taken_for_a_number_or_a_word_of_json() -> None:
    for text, value in (("3", 3), ("true", True), ("null", None), ("1.5", 1.5)):
        assert texts(update(Field("/a", value, text)))[1:] == [f"- {text}", f'+ "{text}"']
        inside = texts(update(Field("/a", {"b": value}, {"b": text})))
        assert inside[-2:] == [f"- b: {text}", f"+ b: '{text}'"]


@pytest.mark.parametrize("text", ["1e3", "0o7", "0x1F", "+1", ".5", "1_000", "inf", "NaN", "1:30", "no"])
def test_what_looks_like_a_number_anywhere_stands_in_quotes(text: str) -> None:
    assert texts(update(Field("/a", ABSENT, {"b": text})))[-1] == f"+ b: '{text}'"


def test_a_written_out_character_is_not_a_hidden_one() -> None:
    hidden, written = (texts(update(Field("/a", ABSENT, text)))[-1] for text in ("\u202e", "\\u202e"))
    assert visible(hidden) != visible(written)


_leaf = st.one_of(st.booleans(), st.integers(-9, 9), st.text(max_size=120))
_value = st.recursive(_leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner))


@given(st.text(min_size=1, max_size=40), _value, _value)
def test_every_line_has_a_sign_and_fits(key: str, old: object, new: object) -> None:
    for text in texts(update(Field(f"/{key}", old, new))):
        assert text[0] in "@+-~ "
        assert columns(visible(text)) <= _WIDTH
