"""What the load tests share: the lines that they print, one for each disturbance."""

import pytest

from tests.printed import section


@pytest.fixture(scope="session")
def lines(pytestconfig: pytest.Config) -> list[str]:
    """Filled by the tests, printed when all are done."""
    return section(pytestconfig, "under load")
