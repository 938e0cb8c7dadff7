"""The pause image: one program that waits, obeys and collects."""

import signal
from pathlib import Path

import pytest

from cutline_testbed.images import ImageArchives
from cutline_testbed.images.archive import layer_files, read_image
from tests.images.container import Container

pytestmark = pytest.mark.images


def test_it_holds_one_program(built: ImageArchives) -> None:
    image = read_image(built.pause)
    assert image.name == "localhost/pause:1"
    with layer_files(built.pause) as layer:
        assert [entry.name for entry in layer if entry.isfile()] == ["pause"]
    assert image.packed < 1_000_000


def sleeping(pid: int) -> bool:
    """Of the program itself, not of what the runtime starts it with."""
    folder = Path(f"/proc/{pid}")
    return (folder / "comm").read_text() == "pause\n" and (folder / "wchan").read_text() != "0"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_it_ends_when_it_is_told_to(built: ImageArchives, tmp_path: Path, name: str) -> None:
    container = Container(f"cutline-pause-{name.lower()}", built.pause, tmp_path / "pause")
    container.folder.mkdir()
    try:
        container.start()
        # The handlers are in place once it sleeps.
        container.await_ready(lambda: sleeping(container.pid()))
        container.signal(signal.Signals[name])
        assert container.await_end() == 0
    finally:
        container.remove()
