"""The same sources give the same image, byte by byte, however often and whenever they are built."""

import hashlib
import shutil
import tarfile
from pathlib import Path

import pytest

from cutline_testbed import paths
from cutline_testbed.images import ensure_images, store
from cutline_testbed.images.archive import layer_files, read_image
from cutline_testbed.images.builder import COMPONENTS, lock_of, order_of, recipe_of
from cutline_testbed.images.wheels import ensure_wheels
from cutline_testbed.images.workshop import Workshop
from cutline_testbed.locks import exclusive
from cutline_testbed.report import Report

pytestmark = pytest.mark.images

TAG = "twice"


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy that nobody edits between the two builds."""
    copy = tmp_path_factory.mktemp("sources")
    root = paths.checkout_root()
    for name in ("pyproject.toml", ".dockerignore", "requirements", "src", "images", *COMPONENTS):
        if (root / name).is_dir():
            shutil.copytree(root / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(root / name, copy / name)
    return copy


def built_anew(component: str, sources: Path, archive: Path) -> None:
    """From the beginning, in folders of its own; the store of images is not asked."""
    report = Report()
    order = order_of(component, sources, TAG)
    with exclusive(store.store_dir() / ".lock", "building images", report), Workshop(report) as workshop:
        workshop.build(recipe_of(order, ensure_wheels(lock_of(order), report)), archive)


def files(archive: Path) -> dict[str, tuple[float, str]]:
    """Time and digest of each, to tell which one differs."""
    with layer_files(archive) as layer:
        return {entry.name: (entry.mtime, digest(layer, entry)) for entry in layer}


def digest(layer: tarfile.TarFile, entry: tarfile.TarInfo) -> str:
    content = layer.extractfile(entry) if entry.isfile() else None
    return "" if content is None else hashlib.sha256(content.read()).hexdigest()


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_second_build_gives_the_same_layers_and_the_same_configuration(
    component: str, sources: Path, tmp_path: Path
) -> None:
    once, again = ensure_images(Report(), source=sources, tag=TAG).archive(component), tmp_path / "again.tar"
    built_anew(component, sources, again)
    first, second = read_image(once), read_image(again)
    assert files(once) == files(again)
    assert first.layers == second.layers
    assert first.config == second.config
    assert first.digest == second.digest
