"""What every test may ask for: the testbed's programs, and a cluster in which nothing of ours runs."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from cutline_testbed import Testbed, clusters, programs
from cutline_testbed.images import can_build_images
from cutline_testbed.report import Report
from cutline_testbed.toolchain import Toolchain, ensure_programs
from tests import printed
from tests.e2e.fixtures import cluster, standing_cluster
from tests.printed import section

# One for all tests of a session, wherever they stand.
__all__ = ["cluster", "standing_cluster"]

BARE = "bare-tests"
# Marker -> why tests that carry it cannot run on this machine, or None. They are left out, and one line says so.
_NEEDS: dict[str, Callable[[], str | None]] = {"images": can_build_images}
# Fixture -> the tests that ask for it share a cluster and take turns, so one process runs them all.
_SHARED = {"standing_cluster": "cluster", "bare_admin_kubeconfig": "bare"}

# Tests make control planes of their own, whatever cluster `make test CLUSTER=...` was told of.
for variable in (clusters.VARIABLE, clusters.HELM_ARGS):
    os.environ.pop(variable, None)

# Example by example the machine may be busy with something else; the suite has its own time limit.
settings.register_profile("cutline", deadline=None, max_examples=60)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "cutline"))


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this machine cannot run, rather than skip it one by one; retry what meets a busy cluster, once.

    Why is printed at the end. Tests that need no cluster are never retried, and run side by side.
    """
    for item in items:
        if item.get_closest_marker("e2e") or item.get_closest_marker("node"):
            item.add_marker(pytest.mark.flaky(reruns=1))
        group = _group(item)
        if group:
            item.add_marker(pytest.mark.xdist_group(group))
    said = section(config, "not run here")
    for marker, why_not in _NEEDS.items():
        marked = [item for item in items if item.get_closest_marker(marker)]
        reason = why_not() if marked else None
        if reason is not None:
            config.hook.pytest_deselected(items=marked)
            items[:] = [item for item in items if item not in marked]
            said.append(f"{len(marked)} tests marked {marker}: {reason}")


def pytest_collection_finish(session: pytest.Session) -> None:
    """In a process beside others, see that groups are kept together: tests of one cluster would meet in it."""
    if not hasattr(session.config, "workerinput"):
        return
    torn = [item.nodeid for item in session.items if (group := _group(item)) and not item.nodeid.endswith(f"@{group}")]
    if torn:
        raise pytest.UsageError(f"pytest-xdist tells no groups apart here: use `--dist loadgroup` ({torn[0]})")


def _group(item: pytest.Item) -> str | None:
    """What must run in one process, one after the other."""
    fixtures = getattr(item, "fixturenames", ())
    shared = next((group for name, group in _SHARED.items() if name in fixtures), None)
    if shared is not None:
        return shared
    if item.get_closest_marker("images"):
        return "images"
    return item.path.stem if item.get_closest_marker("e2e") or item.get_closest_marker("node") else None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker sends what its tests have to say."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        printed.send(session.config, output)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """And the process that prints takes it."""
    printed.receive(node.config, getattr(node, "workeroutput", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What tests have to say, and why one was run again: a failure that went away is a failure all the same."""
    printed.show(config, terminalreporter)
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"run again: {report.nodeid}")
        terminalreporter.line(report.longreprtext)


@pytest.fixture(scope="session")
def kubectl_path() -> Path:
    """The testbed's kubectl; built if it was not yet."""
    return Testbed(BARE).kubectl


@pytest.fixture(scope="session")
def helm_path() -> Path:
    """The testbed's helm; built if it was not yet."""
    return Testbed(BARE).helm


@pytest.fixture(scope="session")
def chart_tools() -> Toolchain:
    """The tools that judge the chart; built if they were not yet."""
    return ensure_programs(programs.CHART, Report())


@pytest.fixture(scope="session")
def kubeconform_path(chart_tools: Toolchain) -> Path:
    """kubeconform at its pinned version."""
    return chart_tools.path("kubeconform")


@pytest.fixture(scope="session")
def helm_unittest_path(chart_tools: Toolchain) -> Path:
    """helm-unittest at its pinned version."""
    return chart_tools.path("helm-unittest")


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
