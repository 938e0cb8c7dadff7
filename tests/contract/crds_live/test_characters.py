"""Which characters strings may hold: none that deceive whoever reads them."""

from __future__ import annotations

import pytest

from tests.contract.crd_cases import KINDS, members, replaced, root_schema, schema_path, shown, walk
from tests.contract.crds_live.api_server import Api
from tests.contract.crds_live.cases import CASES

pytestmark = pytest.mark.e2e

DECEIVING = {
    "escape": "\x1b",
    "carriage return": "\r",
    "next line": "\x85",
    "left-to-right mark": "\u200e",
    "right-to-left mark": "\u200f",
    "Arabic letter mark": "\u061c",
    "right-to-left embedding": "\u202b",
    "right-to-left override": "\u202e",
    "isolate": "\u2067",
    "pop isolate": "\u2069",
    "zero-width space": "\u200b",
    "zero-width joiner": "\u200d",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "line separator": "\u2028",
    "tag letter": "\U000e0041",
}


def _strings(plural: str) -> list[tuple[tuple[str | int, ...], str]]:
    cases = CASES[plural]
    spec = {"spec": cases.full["spec"]}
    return [(path, value) for path, value in members(spec) if isinstance(value, str) and path not in cases.opaque]


@pytest.mark.parametrize("plural", KINDS)
@pytest.mark.parametrize("what", DECEIVING)
def test_deceiving_characters_are_refused_in_every_string(api: Api, plural: str, what: str) -> None:
    schema = root_schema(plural)
    nodes = dict(walk(schema))
    # Strings of a closed set refuse them anyhow, and while they complain, no rule is looked at.
    places = [(path, value) for path, value in _strings(plural) if "enum" not in nodes[schema_path(path, schema)]]
    poisoned = CASES[plural].full
    for path, value in places:
        # The length stays, which matters for digests and nonces.
        poisoned = replaced(poisoned, path, value[:-1] + DECEIVING[what])
    _, complaints = api.create(poisoned)
    refused = {text.partition(": ")[0] for text in complaints}
    assert [shown(path) for path, _ in places if shown(path) not in refused] == []


@pytest.mark.parametrize("plural", KINDS)
def test_newlines_and_tabs_belong_in_prose_only(api: Api, plural: str) -> None:
    schema = root_schema(plural)
    nodes = dict(walk(schema))
    for path, value in _strings(plural):
        rules = str(nodes[schema_path(path, schema)].get("x-kubernetes-validations"))
        is_prose = "newlines and tabs are allowed" in rules
        for space in "\n\t":
            _, complaints = api.create(replaced(CASES[plural].full, path, value[:-1] + space))
            assert (complaints == []) is is_prose, f"{shown(path)}: {complaints}"
