"""The images of this checkout, built once and found again."""

import pytest

from cutline_testbed.debian import ensure_packages
from cutline_testbed.images import ImageArchives, ensure_images
from cutline_testbed.images.archive import contents_of
from cutline_testbed.images.builder import COMPONENTS
from cutline_testbed.report import Report
from tests.images.sizes import Contents, contents_from
from tests.printed import section


@pytest.fixture(scope="session")
def built() -> ImageArchives:
    """All three, and what runs them as a kubelet's runtime does."""
    ensure_packages(("runc",), Report())
    return ensure_images(Report())


@pytest.fixture(scope="module", params=COMPONENTS)
def component(request: pytest.FixtureRequest) -> str:
    """One after the other."""
    return str(request.param)


@pytest.fixture(scope="module")
def contents(built: ImageArchives, component: str) -> Contents:
    """What the image says that it consists of."""
    told = contents_of(built.archive(component))
    assert told is not None
    return contents_from(told)


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> list[str]:
    """What was measured: a machine under load says little, one at rest what the docs say."""
    return section(pytestconfig, "the images at work")
