"""`python -m bench`: two figures about Cutline's speed, as ratios, from one run on one machine."""

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench.cluster import running_cluster
from bench.errors import BenchError
from bench.reviews import measure_reviews
from bench.servers import built_tools
from bench.sizes import FULL, QUICK
from bench.tables import Machine, as_json, request_table, review_tables
from bench.through_api import measure_requests
from cutline_testbed import TestbedError
from cutline_testbed.interrupts import end_on_signals
from cutline_testbed.programs import KUBERNETES_VERSION
from cutline_testbed.report import Report

_INTERRUPTED = 130


def main() -> int:
    """The exit code; figures go to standard output, everything else to standard error."""
    arguments = _arguments()
    end_on_signals()
    report = Report()
    try:
        _run(arguments, report)
    except (BenchError, TestbedError) as error:
        report.say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        report.say("interrupted; nothing is left running")
        return _INTERRUPTED
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Cutline against doing without it.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: under two minutes, coarse")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures, round by round, to FILE")
    return parser.parse_args()


def _run(arguments: argparse.Namespace, report: Report) -> None:
    sizes = QUICK if arguments.quick else FULL
    load_before = os.getloadavg()[0]
    with built_tools(report) as tools, running_cluster(report) as cluster:
        reviews = measure_reviews(cluster, tools, sizes, report)
        requests = measure_requests(cluster, sizes, report)
        go = tools.go_version
    machine = Machine(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        processors=os.cpu_count() or 1,
        platform=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        go=go,
        kubernetes=KUBERNETES_VERSION,
        load_before=load_before,
        load_after=os.getloadavg()[0],
    )
    print("\n\n".join([str(machine), review_tables(reviews), request_table(requests)]))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(as_json(machine, reviews, requests), indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
