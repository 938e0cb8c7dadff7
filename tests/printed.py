"""What tests have to say at the end of a run, under titles of their own, whichever process ran them."""

from collections.abc import Mapping
from typing import Any

import pytest

_PRINTED = pytest.StashKey[dict[str, list[str]]]()
_SENT = "printed"


def section(config: pytest.Config, title: str) -> list[str]:
    """The lines under a title; whoever adds to them has them printed."""
    return config.stash.setdefault(_PRINTED, {}).setdefault(title, [])


def send(config: pytest.Config, output: dict[str, Any]) -> None:
    """From a worker process, with what it tells at its end."""
    output[_SENT] = config.stash.get(_PRINTED, {})


def receive(config: pytest.Config, output: Mapping[str, Any]) -> None:
    """In the process that prints; all workers may have found the same."""
    for title, lines in output.get(_SENT, {}).items():
        here = section(config, title)
        here += [line for line in lines if line not in here]


def show(config: pytest.Config, reporter: pytest.TerminalReporter) -> None:
    """Print it."""
    for title, lines in config.stash.get(_PRINTED, {}).items():
        if lines:
            reporter.section(title)
            for line in lines:
                reporter.line(line)
