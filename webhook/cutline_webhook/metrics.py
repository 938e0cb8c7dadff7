"""What the webhook counts. Every label takes its values from an enum: no client can grow a series."""

import math
from collections.abc import Callable, Collection
from enum import Enum
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from cutline.domain.effect import Effect

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
NO_EFFECT: Final = "None"
SEVERAL_EFFECTS: Final = "Several"

# The gate answers within 4.5 s, for the API server waits 5; most reviews take a few milliseconds.
_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 4.5)


class Metrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._reviews = Counter(
            "cutline_reviews",
            "Reviews answered by the gate, by what it concluded and the effect it recognised.",
            ["verdict", "effect"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "cutline_review_duration_seconds",
            "Time from a complete request to its answer.",
            ["verdict"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._undecided = Counter(
            "cutline_undecided",
            "Reviews that could not be decided and were therefore denied, by reason.",
            ["reason"],
            registry=self.registry,
        )
        self._emergencies = Counter(
            "cutline_emergency_admitted", "Changes admitted as emergencies.", registry=self.registry
        )
        self._rulings = Counter(
            "cutline_kinds_reviews",
            "Reviews of Cutline's own kinds and objects, by the path they came to and what became of them.",
            ["route", "outcome"],
            registry=self.registry,
        )
        self._ruling_seconds = Histogram(
            "cutline_kinds_review_duration_seconds",
            "Time from a complete request about Cutline's own kinds and objects to its answer.",
            ["route", "outcome"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._certificate = Gauge(
            "cutline_serving_certificate_expiry_timestamp_seconds",
            "When the served certificate expires; NaN before there is one.",
            registry=self.registry,
        )
        self._certificate.set(math.nan)
        self._skew = Gauge(
            "cutline_clock_skew_seconds",
            "Local clock minus the API server's; NaN while unknown.",
            registry=self.registry,
        )
        self._policies_age = Gauge(
            "cutline_policies_age_seconds",
            "Time since the policies were last proved current; +Inf before the first list.",
            registry=self.registry,
        )

    def observe_review(self, verdict: Enum, effects: Collection[Effect], seconds: float) -> None:
        """Count one review. It has one `effect` label, so that the sum over labels is that of reviews."""
        effect = NO_EFFECT if not effects else SEVERAL_EFFECTS
        if len(effects) == 1:
            (only,) = effects
            effect = only.value
        self._reviews.labels(str(verdict.value), effect).inc()
        self._seconds.labels(str(verdict.value)).observe(seconds)

    def count_undecided(self, reason: Enum) -> None:
        """Count a review without a conclusion."""
        self._undecided.labels(str(reason.value)).inc()

    def count_emergency(self) -> None:
        """Count a change admitted as an emergency."""
        self._emergencies.inc()

    def observe_ruling(self, route: Enum, outcome: Enum, seconds: float) -> None:
        """Count one review of our own kinds."""
        self._rulings.labels(str(route.value), str(outcome.value)).inc()
        self._ruling_seconds.labels(str(route.value), str(outcome.value)).observe(seconds)

    def set_certificate_expiry(self, not_after: float) -> None:
        """Note the served certificate's end of validity, seconds since the epoch."""
        self._certificate.set(not_after)

    def watch_clock(self, skew: Callable[[], float | None]) -> None:
        """Ask `skew` for the seconds the local clock is ahead whenever the metrics are read."""

        def value() -> float:
            seconds = skew()
            return math.nan if seconds is None else seconds

        self._skew.set_function(value)

    def watch_policies(self, age: Callable[[], float]) -> None:
        """Ask `age` for the age of the policies in seconds whenever the metrics are read."""
        self._policies_age.set_function(age)

    def render(self) -> bytes:
        """All metrics in Prometheus' text format (`CONTENT_TYPE`)."""
        return generate_latest(self.registry)
