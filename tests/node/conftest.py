"""What the load tests share: the end-to-end tests' cluster, and the lines that they print, one for each disturbance."""

import pytest

from tests.e2e.conftest import cluster, standing_cluster

__all__ = ["cluster", "standing_cluster"]

_LINES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def lines(pytestconfig: pytest.Config) -> list[str]:
    """Filled by the tests, printed when all are done."""
    return pytestconfig.stash.setdefault(_LINES, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lines = config.stash.get(_LINES, [])
    if lines:
        terminalreporter.section("under load")
        for line in lines:
            terminalreporter.line(line)
