"""The version before this one, as it was released: its chart, and its images from its own sources.

`python -m tests.node.previous` builds the images before the tests start, so that none of them waits for a build.
"""

import sys
import tarfile
import tempfile
from pathlib import Path

from cutline_testbed import Testbed
from cutline_testbed.errors import TestbedError
from cutline_testbed.images import ImageArchives, ensure_images
from cutline_testbed.report import Report

_KEPT = Path(__file__).parents[1] / "previous"
# What an image of a released version lacks to run at all: (file, text, what it becomes). Kopf asks the system for
# the name of its user, which no file in the image knew; 0.1.0 had never been run in a container.
_AMENDED = {"0.1.0": ("operator/Dockerfile", "ENV PYTHONPATH", "ENV LOGNAME=cutline PYTHONPATH")}


def previous_version() -> str:
    """The newest that is kept."""
    kept = [path.name for path in _KEPT.iterdir() if path.is_dir()]
    return max(kept, key=lambda name: [int(part) for part in name.split(".")])


def previous_chart() -> Path:
    version = previous_version()
    return _KEPT / version / f"cutline-{version}.tgz"


def load_previous_images(testbed: Testbed) -> None:
    """Bring them to the nodes."""
    images = _ensure_previous_images(testbed.report)
    nodes = testbed.real_nodes
    assert nodes is not None
    for node in nodes.nodes:
        node.load_images((images.webhook, images.operator))


def _ensure_previous_images(report: Report) -> ImageArchives:
    """Build them, or find them built."""
    version = previous_version()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        with tarfile.open(_KEPT / version / "source.tar.gz") as archive:
            archive.extractall(scratch, filter="data")
        if version in _AMENDED:
            _amend(scratch, *_AMENDED[version])
        return ensure_images(report, source=scratch)


def _amend(sources: Path, name: str, old: str, new: str) -> None:
    text = (sources / name).read_text()
    assert old in text
    (sources / name).write_text(text.replace(old, new))


def main() -> int:
    report = Report()
    try:
        images = _ensure_previous_images(report)
    except TestbedError as error:
        report.say(f"error: {error}")
        return 1
    report.say(f"the images of {previous_version()} are in {images.webhook.parent} and beside it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
