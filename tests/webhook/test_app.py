"""What comes to the app's routes: answered, counted and told, each once."""

import asyncio
import json
import logging
from typing import Any, cast

import pytest

from cutline.domain.errors import BadObject
from cutline.kube.errors import Unavailable
from cutline_webhook.app import App
from cutline_webhook.messages import HttpRequest
from cutline_webhook.metrics import Metrics
from cutline_webhook.refusal import Refused
from tests.webhook.test_gate import cluster, gate_of

REVIEW = {
    "request": {
        "uid": "review-uid",
        "operation": "CREATE",
        "resource": {"group": "cutline.dev", "version": "v1alpha1", "resource": "signoffs"},
        "namespace": "shop",
        "name": "mine",
        "userInfo": {"username": "alice"},
    }
}
TOO_OLD = "the policies are too old"


class Part:
    """Stands for the guard and for the stamper: gives `answer`, or raises it."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def check(self, _: object) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    stamp = check


def asked(route: str, answer: Any, *missing: str) -> tuple[dict[str, Any], str]:
    """The response of an app whose parts answer like this, and its metrics."""
    metrics, part = Metrics(), cast("Any", Part(answer))
    app = App(
        gate_of(cluster()),
        part,
        part,
        cast("Any", None),
        metrics,
        unready=lambda: missing,
        secret_path=lambda: "s3cret",
        system_namespace="cutline-system",
        client_names=frozenset(),
        verifies_clients=False,
    )
    answered = asyncio.run(app.handle(HttpRequest("POST", f"/s3cret{route}", json.dumps(REVIEW).encode(), ())))
    return json.loads(answered.body)["response"], metrics.render().decode()


@pytest.mark.parametrize("route", ["/kinds/mutate", "/kinds/validate"])
@pytest.mark.parametrize(
    ("answer", "missing", "outcome", "message"),
    [
        ([], (), "Admitted", ""),
        (Refused("spec: never changes"), (), "Refused", "spec: never changes"),
        (BadObject("spec", "is odd"), (), "Refused", "spec: is odd"),
        (Unavailable(503, "Unavailable", "secret detail"), (), "Undecided", "Cutline could not read what it needs"),
        (TypeError("secret detail"), (), "Undecided", "an internal error"),
        ([], (TOO_OLD,), "Undecided", f"Cutline is not ready ({TOO_OLD}); try again"),
    ],
    ids=["admitted", "refused", "bad", "unreadable", "defect", "not ready"],
)
def test_each_review_of_our_own_kinds_is_one_line_and_one_count(
    route: str, answer: Any, missing: tuple[str, ...], outcome: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        response, metrics = asked(route, answer, *missing)
    assert response["allowed"] is (outcome == "Admitted")
    assert message in (response.get("status") or {}).get("message", "")
    assert "secret detail" not in json.dumps(response)
    labels = f'{{outcome="{outcome}",route="{route}"}}'
    assert f"cutline_kinds_reviews_total{labels} 1.0" in metrics
    assert f"cutline_kinds_review_duration_seconds_count{labels} 1.0" in metrics
    (line,) = [record for record in caplog.records if record.message == "ruling"]
    told = vars(line)
    assert (told["route"], told["outcome"], told["user"]) == (route, outcome, "alice")
    assert (told["resource"], told["namespace"], told["target"]) == ("signoffs", "shop", "mine")
    assert message in told["detail"]


def test_a_gate_that_cannot_decide_any_more_does_not_say_that_it_starts() -> None:
    response, metrics = asked("/gate", None, TOO_OLD)
    assert f"not ready: {TOO_OLD}" in response["status"]["message"]
    assert 'cutline_undecided_total{reason="NotReady"} 1.0' in metrics
