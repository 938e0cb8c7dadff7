"""The first figure: reviews answered per second and their latency, ours against the least in Go.

Both answer the same recorded reviews over TLS on kept-alive connections, in turns within every round.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench import machine
from bench.api_client import ApiClient
from bench.cluster import Cluster
from bench.payloads import ReviewCase, record
from bench.rounds import Spread, percentile, ratios, spread
from bench.servers import Load, LoadRun, Server, Tools, go_webhook, run_load
from bench.sizes import Sizes
from cutline_testbed.report import Report

# The gate's own requests have a flow schema of their own, so that the API server counts them for us.
_DISPATCHED = re.compile(r'^apiserver_flowcontrol_dispatched_requests_total{flow_schema="cutline",.*} (\S+)$', re.M)


@dataclass(slots=True)
class Side:
    """What one webhook did with one case, run by run."""

    closed: list[LoadRun] = field(default_factory=list)
    open: list[LoadRun] = field(default_factory=list)

    @property
    def per_second(self) -> list[float]:
        return [run.per_second for run in self.closed]

    @property
    def processor_us(self) -> list[float]:
        return [run.processor_us for run in self.closed if run.processor_us]

    def latencies(self, percent: float) -> list[float]:
        """A percentile per round."""
        return [percentile(run.latencies_us, percent) for run in self.open]

    def pooled(self, percent: float) -> float:
        """A percentile over the requests of all rounds."""
        return percentile([latency for run in self.open for latency in run.latencies_us], percent)


@dataclass(slots=True)
class ReviewFigure:
    """One case, both sides."""

    case: ReviewCase
    cutline: Side = field(default_factory=Side)
    go: Side = field(default_factory=Side)
    reads: list[float] = field(default_factory=list)
    """Requests to the API server per review, as that counted them."""

    @property
    def per_second(self) -> Spread:
        return ratios(self.cutline.per_second, self.go.per_second)

    @property
    def processor(self) -> Spread | None:
        """Missing where the system tells no processor times, or a run was too short for its clock."""
        ours, theirs = self.cutline.processor_us, self.go.processor_us
        return ratios(ours, theirs) if ours and len(ours) == len(theirs) else None

    @property
    def typical_latency(self) -> Spread:
        return ratios(self.cutline.latencies(50), self.go.latencies(50))


@dataclass(frozen=True, slots=True)
class ReviewFigures:
    """The figure as a whole, with the memory that each process held after it."""

    cases: tuple[ReviewFigure, ...]
    cutline_mebibytes: float | None
    go_mebibytes: float | None


def measure_reviews(cluster: Cluster, tools: Tools, sizes: Sizes, report: Report) -> ReviewFigures:
    """Record, then measure round by round."""
    report.say("recording reviews from the API server")
    figures = tuple(ReviewFigure(case) for case in record(cluster))
    serving = cluster.serving()
    authority = tools.file("authority.crt", serving.authority)
    ours = Server("cutline", cluster.webhook_pid, serving.address, serving.path)
    with go_webhook(tools, serving) as theirs, _pinned(ours, theirs):
        for number in range(sizes.review_rounds):
            report.say(f"reviews: round {number + 1} of {sizes.review_rounds}")
            for index, figure in enumerate(figures):
                body = tools.file(f"review-{index}.json", figure.case.body)
                closed = Load(body, "", authority, sizes.closed_seconds, sizes.warm_up_seconds)
                paced = Load(body, "", authority, sizes.open_seconds, sizes.warm_up_seconds, figure.case.rate)
                turns = [(ours, figure.cutline), (theirs, figure.go)]
                for server, side in turns if number % 2 == 0 else reversed(turns):
                    with _counted(cluster.admin, figure, side) as runs:
                        runs.append(run_load(tools, server, _expecting(closed, figure, side)))
                    side.open.append(run_load(tools, server, _expecting(paced, figure, side)))
        return ReviewFigures(figures, machine.resident_mebibytes(ours.pid), machine.resident_mebibytes(theirs.pid))


def _expecting(load: Load, figure: ReviewFigure, side: Side) -> Load:
    expect = figure.case.cutline_answers if side is figure.cutline else figure.case.go_answers
    return Load(load.body, expect, load.authority, load.seconds, load.warm_up_seconds, load.rate)


@contextmanager
def _counted(admin: ApiClient, figure: ReviewFigure, side: Side) -> Iterator[list[LoadRun]]:
    """Note a closed run, and for ours how many requests it sent to the API server meanwhile."""
    before = _dispatched(admin)
    yield side.closed
    if side is figure.cutline:
        figure.reads.append((_dispatched(admin) - before) / side.closed[-1].sent)


def _dispatched(admin: ApiClient) -> float:
    answer = admin.request("GET", "/metrics")
    return sum(float(value) for value in _DISPATCHED.findall(answer.body.decode()))


@contextmanager
def _pinned(*servers: Server) -> Iterator[None]:
    """Servers on one processor, the load on another: neither side gains by a second one."""
    if not machine.can_pin():
        yield
        return
    for server in servers:
        machine.pin(server.pid, machine.processors()[1])
    try:
        yield
    finally:
        machine.release(servers[0].pid)


def reads_per_review(figure: ReviewFigure) -> float:
    """Their median; the webhook's own housekeeping is lost in it."""
    return spread(figure.reads).median
