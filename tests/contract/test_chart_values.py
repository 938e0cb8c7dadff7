"""Which values the chart refuses, and that it says which one and why."""

from __future__ import annotations

import pytest
import yaml

from tests.contract import test_chart as chart
from tests.contract.test_chart import CHART, run

helm = chart.helm

REFUSED = {
    "nothing answers": ("webhook.replicas=0", "webhook.replicas is 0 and webhook.externalURL is empty"),
    "plain http": ("webhook.externalURL=http://gate.example", "must look like https://host[:port][/path]"),
    "credentials in url": ("webhook.externalURL=https://me@gate.example", "must look like https://"),
    "query in url": ("webhook.externalURL=https://gate.example/?x", "must look like https://"),
    "names without authority": ("webhook.clientNames={kube-apiserver}", "Set webhook.clientCA"),
    "authority that is none": ("webhook.clientCA=hello", "/webhook/clientCA"),
    "no time to stop": (
        "webhook.preStopSeconds=30",
        "must be less than webhook.terminationGracePeriodSeconds",
    ),
    "records gone too soon": ("retention.admittedChanges=24h", "must not go before the proposal"),
    "rejections gone too soon": ("retention.finishedProposals=59m", "must be at least 1h"),
    "not a duration": ("retention.finishedProposals=7d", "/retention/finishedProposals"),
    "no humans": ("humans.userGroups=", "/humans/userGroups"),
    "system group as humans": ("humans.userGroups={system:authenticated}", "name groups of people"),
    "system group as approvers": ("starterPolicy.approverGroups={system:masters}", "name groups of people"),
    "no approval demanded": ("starterPolicy.approvals=0", "/starterPolicy/approvals"),
    "unknown enforcement": ("starterPolicy.enforcement=Dany", "/starterPolicy/enforcement"),
    "two operators": ("operator.replicas=2", "/operator/replicas"),
    "misspelt": ("webhook.replica=3", "'replica' not allowed"),
    "renamed": ("nameOverride=mine", "'nameOverride' not allowed"),
    "image that is none": ("webhook.image.digest=sha256:abc", "/webhook/image/digest"),
    "exempt by prefix": ("exempt[0].username=system:*", "/exempt/0"),
    "unreachable API server": ("networkPolicy.apiServerPorts=null", "networkPolicy"),
}


@pytest.mark.parametrize(("value", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refuses_with_a_message_that_names_the_value(helm: str, value: str, message: str) -> None:
    result = run(helm, "template", "cutline", str(CHART), "--set", value)
    assert result.returncode != 0
    assert message in result.stderr


def test_every_default_is_known_to_the_schema(helm: str) -> None:
    # Strictness everywhere: a value beside any documented one is refused.
    defaults = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    closed = [key for key, value in defaults.items() if isinstance(value, dict)]
    for key in closed:
        result = run(helm, "template", "cutline", str(CHART), "--set", f"{key}.surprise=1")
        assert "'surprise' not allowed" in result.stderr, key
