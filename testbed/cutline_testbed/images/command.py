"""`images`: build the images, write them with their lists of software to dist/, say what they are.

It refuses to push them anywhere: which registry is the user's to say.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from cutline_testbed import paths
from cutline_testbed.errors import TestbedError
from cutline_testbed.images.archive import read_image
from cutline_testbed.images.builder import COMPONENTS, ensure_images
from cutline_testbed.images.provenance import version_of
from cutline_testbed.images.requirements import can_build_images
from cutline_testbed.report import Report


def write_images(report: Report, tag: str | None = None) -> int:
    """Everything that a release would publish."""
    reason = can_build_images()
    if reason is not None:
        raise TestbedError(f"{reason}; elsewhere, docker or podman builds webhook/Dockerfile and operator/Dockerfile")
    images = ensure_images(report, tag=tag)
    version = tag or version_of(paths.checkout_root())
    folder = paths.checkout_root() / "dist"
    folder.mkdir(exist_ok=True)
    for component in COMPONENTS:
        stem = f"cutline-{component}-{version}"
        shutil.copyfile(images.archive(component), folder / f"{stem}.oci.tar")
        shutil.copyfile(images.sbom(component), folder / f"{stem}.cdx.json")
        print(_told(component, images.archive(component), images.sbom(component), folder / stem))
    return 0


def _told(component: str, archive: Path, sbom: Path, stem: Path) -> str:
    image = read_image(archive)
    components = len(json.loads(sbom.read_text(encoding="utf-8"))["components"])
    place = stem.relative_to(paths.checkout_root())
    said = f"{component:9} {image.packed / 1e6:5.1f} MB packed, {image.digest}\n"
    return said + f"{'':9} {place}.oci.tar, {place}.cdx.json ({components} components)"
