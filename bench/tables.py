"""The figures as plain text, ratios first, and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.reviews import ReviewFigure, ReviewFigures, Side, reads_per_review
from bench.rounds import Spread, percentile, spread
from bench.through_api import RequestFigure

_MISSING = "-"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need; the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        return "  ".join([row[0].ljust(widths[0]), *cells]).rstrip()

    return "\n".join([line(head), "  ".join("-" * width for width in widths), *(line(row) for row in rows)])


@dataclass(frozen=True, slots=True)
class Machine:
    """Where and when it was measured."""

    date: str
    processors: int
    platform: str
    python: str
    go: str
    kubernetes: str
    load_before: float
    load_after: float

    def __str__(self) -> str:
        return (
            f"{self.date}, {self.processors} processors, {self.platform}, Python {self.python}, {self.go}, "
            f"Kubernetes {self.kubernetes}, load average {self.load_before:.1f} before and {self.load_after:.1f} after"
        )


def review_tables(figures: ReviewFigures) -> str:
    """Two tables: ratios, then what they are ratios of."""
    rounds = len(figures.cases[0].cutline.closed)
    ratio_rows = [_ratio_row(figure) for figure in figures.cases]
    rows = [_absolute_row(figure) for figure in figures.cases]
    return "\n\n".join(
        [
            f"Reviews: Cutline's webhook / minimal webhook in Go. Median of {rounds} rounds (lowest-highest).\n"
            "Cutline reads from the API server where `reads` is not 0; the webhook in Go never does.",
            table(("review", "bytes", "reads", "req/s ratio", "CPU ratio", "p50 ratio", "p99 ratio"), ratio_rows),
            "The same in this machine's numbers (CPU and latencies in microseconds): Cutline | Go",
            table(("review", "req/s", "CPU", "p50", "p99", "|", "req/s", "CPU", "p50", "p99"), rows),
            f"Memory afterwards in MiB: Cutline {_number(figures.cutline_mebibytes)}, "
            f"Go {_number(figures.go_mebibytes)}",
        ]
    )


def _ratio_row(figure: ReviewFigure) -> list[str]:
    return [
        figure.case.name,
        str(len(figure.case.body)),
        f"{reads_per_review(figure):.0f}",
        str(figure.per_second),
        _MISSING if figure.processor is None else f"{figure.processor.median:.2f}",
        f"{figure.typical_latency.median:.2f}",
        f"{figure.cutline.pooled(99) / figure.go.pooled(99):.2f}",
    ]


def _absolute_row(figure: ReviewFigure) -> list[str]:
    return [figure.case.name, *_side(figure.cutline), "|", *_side(figure.go)]


def _side(side: Side) -> list[str]:
    processor = spread(side.processor_us).median if side.processor_us else None
    return [
        f"{spread(side.per_second).median:.0f}",
        _number(processor),
        f"{side.pooled(50):.0f}",
        f"{side.pooled(99):.0f}",
    ]


def _number(value: float | None) -> str:
    return _MISSING if value is None else f"{value:.0f}"


def request_table(figures: Sequence[RequestFigure]) -> str:
    """One table: what Cutline multiplies a request's time by, what it adds, and the times themselves."""
    rows = [_request_row(figure) for figure in figures]
    rounds = len(figures[0].without)
    return "\n\n".join(
        [
            "Through the API server: sequential PATCH by the agent, with Cutline / without it.\n"
            f"Median of {rounds} rounds (lowest-highest); times in milliseconds.",
            table(("request", "p50 ratio", "added to p50", "p50", "p95", "|", "p50 without", "p95 without"), rows),
        ]
    )


def _request_row(figure: RequestFigure) -> list[str]:
    ours, plain = _flat(figure.with_cutline), _flat(figure.without)
    return [
        figure.name,
        str(figure.ratio),
        str(figure.added_milliseconds),
        *(_milliseconds(ours, percent) for percent in (50, 95)),
        "|",
        *(_milliseconds(plain, percent) for percent in (50, 95)),
    ]


def _flat(rounds: list[list[float]]) -> list[float]:
    return [seconds for one in rounds for seconds in one]


def _milliseconds(seconds: list[float], percent: float) -> str:
    return f"{percentile(seconds, percent) * 1000:.1f}"


def as_json(machine: Machine, reviews: ReviewFigures, requests: Sequence[RequestFigure]) -> dict[str, Any]:
    """What the tables say, with every round of it."""
    return {
        "machine": asdict(machine),
        "reviews": [_review_json(figure) for figure in reviews.cases],
        "memoryMiB": {"cutline": reviews.cutline_mebibytes, "go": reviews.go_mebibytes},
        "requests": [
            {
                "request": figure.name,
                "p50Ratio": asdict(figure.ratio),
                "addedMilliseconds": asdict(figure.added_milliseconds),
                "secondsWithCutline": figure.with_cutline,
                "secondsWithout": figure.without,
            }
            for figure in requests
        ],
    }


def _review_json(figure: ReviewFigure) -> dict[str, Any]:
    return {
        "review": figure.case.name,
        "bytes": len(figure.case.body),
        "readsPerReview": reads_per_review(figure),
        "perSecondRatio": asdict(figure.per_second),
        "processorRatio": _spread_json(figure.processor),
        "p50Ratio": asdict(figure.typical_latency),
        "cutline": _side_json(figure.cutline),
        "go": _side_json(figure.go),
    }


def _spread_json(value: Spread | None) -> dict[str, float] | None:
    return None if value is None else asdict(value)


def _side_json(side: Side) -> dict[str, Any]:
    return {
        "perSecond": side.per_second,
        "processorMicroseconds": side.processor_us,
        "p50Microseconds": side.pooled(50),
        "p99Microseconds": side.pooled(99),
    }
