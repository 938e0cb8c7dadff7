"""The examples on the page of our own kinds are valid."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.contract.crd_cases import ROOT, merge
from tests.contract.crds_live.api_server import Api
from tests.contract.crds_live.cases import CASES, PLURAL_OF, STAMPED

pytestmark = pytest.mark.e2e

PAGE = ROOT / "docs" / "reference" / "kinds.md"


def _examples() -> list[dict[str, Any]]:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return [obj for block in blocks for obj in yaml.safe_load_all(block)]


def test_the_page_has_an_example_of_each_kind() -> None:
    assert {example["kind"] for example in _examples()} == set(PLURAL_OF)


@pytest.mark.parametrize("example", _examples(), ids=lambda example: str(example["kind"]))
def test_examples_on_the_page_are_valid(api: Api, example: dict[str, Any]) -> None:
    plural = PLURAL_OF[example["kind"]]
    stamp = {name: CASES[plural].full["spec"][name] for name in STAMPED.get(plural, ())}
    # People write none of what the gate adds.
    assert not stamp.keys() & example["spec"].keys()
    # In the test's own namespace, and apart from a policy of that name that may be there.
    own = {"name": f"{api.namespace}-{example['metadata']['name']}", "namespace": None}
    _, complaints = api.create(merge(example, {"metadata": own, "spec": stamp}))
    assert complaints == []
