"""What the testbed tells the chart, and how it knows that the gate stands."""

from typing import Any

import pytest

from cutline_testbed.gate import is_complete, is_configured
from cutline_testbed.install import role_bindings, values_for_testbed


def test_humans_and_the_simulated_kubelet_are_named() -> None:
    values = values_for_testbed()
    assert values["humans"] == {"userGroups": ["people"]}
    assert {entry["username"] for entry in values["exempt"]} == {"kwok"}


def test_nobody_who_proposes_by_machine_may_approve() -> None:
    for binding in role_bindings():
        machines = [subject for subject in binding["subjects"] if subject["kind"] in ("ServiceAccount", "User")]
        assert not machines or binding["roleRef"]["name"] == "cutline-proposer"


@pytest.mark.parametrize(
    ("configuration", "stands"),
    [
        (None, False),
        ({}, False),
        ({"webhooks": []}, False),
        ({"webhooks": [{"clientConfig": {"url": "https://127.0.0.1"}}]}, False),
        ({"webhooks": [{"clientConfig": {"caBundle": "eA=="}}, {"clientConfig": {}}]}, False),
        ({"webhooks": [{"clientConfig": {"caBundle": "eA=="}}]}, True),
    ],
)
def test_the_gate_is_configured_when_every_webhook_can_be_trusted(
    configuration: dict[str, Any] | None, stands: bool
) -> None:
    assert is_configured(configuration) is stands


@pytest.mark.parametrize(
    ("notes", "complete"),
    [
        (None, False),
        ({}, False),
        ({"data": {"certificates": "Rotating"}}, False),
        ({"data": {"configured": "done"}}, True),
        ({"data": {"configured": "done", "starterPolicy": "done"}}, True),
    ],
)
def test_an_installation_is_complete_when_the_operator_has_noted_that_all_is_configured(
    notes: dict[str, Any] | None, complete: bool
) -> None:
    assert is_complete(notes) is complete
