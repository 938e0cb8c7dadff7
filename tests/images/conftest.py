"""The images of this checkout, built once and found again."""

import pytest

from cutline_testbed.images import ImageArchives, ensure_images
from cutline_testbed.images.archive import contents_of
from cutline_testbed.images.builder import COMPONENTS
from cutline_testbed.report import Report
from tests.images.sizes import Contents, contents_from


@pytest.fixture(scope="session")
def built() -> ImageArchives:
    """All three."""
    return ensure_images(Report())


@pytest.fixture(scope="session", params=COMPONENTS)
def component(request: pytest.FixtureRequest) -> str:
    """One after the other."""
    return str(request.param)


@pytest.fixture(scope="session")
def contents(built: ImageArchives, component: str) -> Contents:
    """What the image says that it consists of."""
    told = contents_of(built.archive(component))
    assert told is not None
    return contents_from(told)


_FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> list[str]:
    """Filled by the tests, printed when all are done."""
    return pytestconfig.stash.setdefault(_FIGURES, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What was measured: a machine under load says little, one at rest what the docs say."""
    lines = config.stash.get(_FIGURES, [])
    if lines:
        terminalreporter.section("the images at work")
        for line in lines:
            terminalreporter.line(line)
