"""Signals end a command in order, but for those that whoever started it wants ignored."""

import signal
from collections.abc import Iterator

import pytest

from cutline_testbed.interrupts import ENDING, deferred, end_on_signals


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """The test runner's own come back."""
    before = {signum: signal.getsignal(signum) for signum in ENDING}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_a_request_to_end_is_an_interrupt(signum: signal.Signals) -> None:
    end_on_signals()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signum)


def test_what_was_to_be_ignored_stays_so() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    end_on_signals()
    with deferred():
        signal.raise_signal(signal.SIGHUP)
    signal.raise_signal(signal.SIGHUP)


@pytest.mark.parametrize("signum", ENDING)
def test_an_interrupt_waits_for_a_moment_that_must_not_be_cut(signum: signal.Signals) -> None:
    signal.signal(signum, signal.default_int_handler)
    done: list[str] = []

    def moment() -> None:
        with deferred():
            signal.raise_signal(signum)
            done.append("all of it")

    with pytest.raises(KeyboardInterrupt):
        moment()
    assert done
