"""Which of the end-to-end tests run anywhere: all that are not bound to Cutline's processes on this machine."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before marks are chosen from: what is not bound to processes runs anywhere."""
    for item in items:
        if item.path.is_relative_to(HERE) and item.get_closest_marker("processes") is None:
            item.add_marker(pytest.mark.anywhere)
