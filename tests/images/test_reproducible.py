"""The same sources give the same image, byte by byte, however often and whenever they are built."""

import hashlib
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from cutline_testbed import paths
from cutline_testbed.images import ImageArchives, store
from cutline_testbed.images.archive import layer_files, read_image
from cutline_testbed.images.builder import COMPONENTS, inputs_of, lock_of, order_of, recipe_of
from cutline_testbed.images.provenance import version_of
from cutline_testbed.images.wheels import ensure_wheels
from cutline_testbed.images.workshop import Workshop
from cutline_testbed.locks import exclusive
from cutline_testbed.report import Report

pytestmark = pytest.mark.images


@pytest.fixture(scope="module")
def again(built: ImageArchives, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Built from the beginning, in folders of their own, while those of the store may be of yesterday."""
    folder, root, report = tmp_path_factory.mktemp("again"), paths.checkout_root(), Report()
    archives = {component: folder / f"{component}.tar" for component in COMPONENTS}
    with exclusive(store.store_dir() / ".lock", "building images", report), Workshop(report) as workshop:
        for component, archive in archives.items():
            order = order_of(component, root, version_of(root))
            copied = replace(order, source=workshop.snapshot(root, inputs_of(component)))
            workshop.build(recipe_of(copied, ensure_wheels(lock_of(order), report)), archive)
    return archives


def files(archive: Path) -> dict[str, tuple[float, str]]:
    """Time and digest of each, to tell which one differs."""
    with layer_files(archive) as layer:
        return {entry.name: (entry.mtime, digest(layer, entry)) for entry in layer}


def digest(layer: tarfile.TarFile, entry: tarfile.TarInfo) -> str:
    content = layer.extractfile(entry) if entry.isfile() else None
    return "" if content is None else hashlib.sha256(content.read()).hexdigest()


def test_a_second_build_gives_the_same_layers_and_the_same_configuration(
    component: str, built: ImageArchives, again: Mapping[str, Path]
) -> None:
    first, second = read_image(built.archive(component)), read_image(again[component])
    assert files(built.archive(component)) == files(again[component])
    assert first.layers == second.layers
    assert first.config == second.config
    assert first.digest == second.digest
