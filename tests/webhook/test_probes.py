"""What probes and Prometheus get to see."""

import asyncio
import math
from enum import StrEnum

import pytest

from cutline.domain.effect import Effect
from cutline_webhook.messages import HttpRequest, HttpResponse
from cutline_webhook.metrics import Metrics
from cutline_webhook.probes import probes


class Verdict(StrEnum):
    """Stands for the domain's own."""

    DENIED = "Denied"


def ask(metrics: Metrics, path: str, *missing: str, method: str = "GET") -> HttpResponse:
    handler = probes(metrics, lambda: missing)

    async def scenario() -> HttpResponse:
        return await handler(HttpRequest(method, path, b"", ()))

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/livez", 200),
        ("HEAD", "/readyz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/gate", 404),
        ("POST", "/readyz", 405),
    ],
)
def test_each_path_has_its_answer(method: str, path: str, status: int) -> None:
    assert ask(Metrics(), path, method=method).status == status


def test_unreadiness_says_what_is_missing() -> None:
    response = ask(Metrics(), "/readyz", "no certificate", "policies are not known")
    assert (response.status, response.body) == (503, b"no certificate\npolicies are not known\n")


def test_a_review_is_counted_once_whatever_its_effects() -> None:
    metrics = Metrics()
    for effects in ([], [Effect.ROLLBACK], [Effect.ROLLBACK, Effect.SCALE_DOWN]):
        metrics.observe_review(Verdict.DENIED, effects, 0.002)
    metrics.count_undecided(Verdict.DENIED)
    metrics.count_emergency()
    text = ask(metrics, "/metrics").body.decode()
    for effect in ("None", "Rollback", "Several"):
        assert f'cutline_reviews_total{{effect="{effect}",verdict="Denied"}} 1.0' in text
    assert 'cutline_review_duration_seconds_count{verdict="Denied"} 3.0' in text
    assert 'cutline_undecided_total{reason="Denied"} 1.0' in text
    assert "cutline_emergency_admitted_total 1.0" in text


def test_gauges_tell_the_state_at_reading_time() -> None:
    metrics = Metrics()
    skews: list[float | None] = [None, 0.5]
    metrics.watch_clock(lambda: skews.pop(0))
    metrics.watch_policies(lambda: math.inf)
    metrics.set_certificate_expiry(1.5e9)
    assert b"cutline_clock_skew_seconds NaN" in metrics.render()
    text = metrics.render().decode()
    assert "cutline_clock_skew_seconds 0.5" in text
    assert "cutline_policies_age_seconds +Inf" in text
    assert "cutline_serving_certificate_expiry_timestamp_seconds 1.5e+09" in text
