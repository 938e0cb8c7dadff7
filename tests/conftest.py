"""What every test may ask for: the testbed's programs, and a cluster in which nothing of ours runs."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

from cutline_testbed import Testbed

BARE = "bare-tests"

# Example by example the machine may be busy with something else; the suite has its own time limit.
settings.register_profile("cutline", deadline=None, max_examples=60)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "cutline"))


@pytest.fixture(scope="session")
def kubectl_path() -> Path:
    """The testbed's kubectl; built if it was not yet."""
    return Testbed(BARE).kubectl


@pytest.fixture(scope="session")
def helm_path() -> Path:
    """The testbed's helm; built if it was not yet."""
    return Testbed(BARE).helm


@pytest.fixture(scope="session")
def bare_admin_kubeconfig() -> Iterator[Path]:
    """An administrator's kubeconfig of a cluster in which nothing of ours runs.

    That of CUTLINE_TEST_KUBECONFIG where it is set, else of a testbed for this session.
    """
    given = os.environ.get("CUTLINE_TEST_KUBECONFIG")
    if given:
        yield Path(given)
        return
    bed = Testbed(BARE)
    with _shared(bed):
        yield bed.kubeconfig("admin")


@contextmanager
def _shared(bed: Testbed) -> Iterator[None]:
    """The testbed up and running, among all sessions of this checkout that want it at a time.

    Each holds a shared lock; who could have it alone at his end is the last, and stops it.
    """
    bed.layout.folder.mkdir(parents=True, exist_ok=True)
    with (bed.layout.folder / "sessions.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        try:
            bed.start()
            yield
        finally:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                bed.stop()
