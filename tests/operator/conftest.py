"""A kubeconfig for the tests that need a real API server."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def bare_admin_kubeconfig() -> Path:
    """The kubeconfig of an administrator of a cluster in which nothing of ours runs."""
    path = os.environ.get("CUTLINE_TEST_KUBECONFIG")
    if not path:
        pytest.skip("CUTLINE_TEST_KUBECONFIG names no kubeconfig")
    return Path(path)
