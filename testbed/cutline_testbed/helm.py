"""Installs the chart of this checkout with real Helm.

It refuses to render or patch anything itself: what is tested is what users install.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cutline_testbed import paths
from cutline_testbed.errors import TestbedError
from cutline_testbed.report import Report
from cutline_testbed.watched import run_watched

RELEASE = "cutline"
NAMESPACE = "cutline-system"


def chart() -> Path:
    folder = paths.checkout_root() / "charts" / "cutline"
    if not (folder / "Chart.yaml").is_file():
        raise TestbedError(f"there is no chart at {folder}; `up --bare` brings up the control plane alone")
    return folder


def install_chart(helm: str | Path, kubeconfig: str | Path, arguments: Sequence[str], report: Report) -> None:
    """`helm upgrade --install`."""
    run_watched(
        [
            *(str(helm), "upgrade", "--install", RELEASE, str(chart())),
            *("--namespace", NAMESPACE, "--create-namespace"),
            *arguments,
        ],
        "installing the chart",
        report,
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
    )
