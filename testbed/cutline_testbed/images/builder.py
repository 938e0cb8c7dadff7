"""The three images of a node: pause, webhook and operator, found in the cache or built there once.

A warm call reads the sources and a folder, and touches no network and no builder. It refuses to
return an image of other sources than those it was asked for.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cutline_testbed import paths
from cutline_testbed.debian import ensure_packages
from cutline_testbed.images import base, store
from cutline_testbed.images.provenance import Provenance, provenance_of, version_of
from cutline_testbed.images.requirements import PACKAGES
from cutline_testbed.images.wheels import ensure_wheels
from cutline_testbed.images.workshop import Recipe, Workshop
from cutline_testbed.locks import exclusive
from cutline_testbed.report import Report, elapsed_text

COMPONENTS = ("webhook", "operator")
PAUSE_NAME = "localhost/pause:1"
ARCHIVE, SBOM = "image.tar", "sbom.cdx.json"
# Changed when images come out differently from the same sources.
_RECIPE = "1"


@dataclass(frozen=True, slots=True)
class ImageArchives:
    """OCI archives; each says its image's name."""

    pause: Path
    webhook: Path
    operator: Path

    def archive(self, component: str) -> Path:
        """That of webhook or operator."""
        return {"webhook": self.webhook, "operator": self.operator}[component]

    def sbom(self, component: str) -> Path:
        """The list of what is inside, beside the archive. Versions before 0.2.0 have none."""
        return self.archive(component).with_name(SBOM)


@dataclass(frozen=True, slots=True)
class Order:
    """One image that is wanted."""

    component: str
    source: Path
    name: str
    origin: Provenance
    contents: str

    def key(self, base_digest: str) -> str:
        """Everything that the image depends on."""
        origin = self.origin
        parts = (self.name, origin.version, origin.revision, str(origin.epoch), self.contents, base_digest)
        return store.key_of(_RECIPE, os.uname().machine, *parts)


def image_name(component: str, tag: str) -> str:
    """As the chart's values name it, once a runtime has filled in what is left out there."""
    return f"docker.io/library/cutline-{component}:{tag}"


def ensure_images(report: Report, *, source: Path | None = None, tag: str | None = None) -> ImageArchives:
    """The images of a source tree (default: this checkout), tagged with its version unless told otherwise."""
    root = source or paths.checkout_root()
    found = _find([order_of(component, root, tag or version_of(root)) for component in COMPONENTS])
    if found is None:
        ensure_packages(PACKAGES, report)
        started = time.monotonic()
        with exclusive(store.store_dir() / ".lock", "building images", report):
            found = _build(root, tag or version_of(root), report)
        report.say(f"images are ready after {elapsed_text(time.monotonic() - started)}")
    return found


def order_of(component: str, source: Path, tag: str) -> Order:
    """Look at the sources of one image."""
    inputs = inputs_of(component)
    origin = provenance_of(source, inputs)
    contents = store.contents_key(source, inputs)
    return Order(component, source, image_name(component, tag), origin, contents)


def inputs_of(component: str) -> tuple[str, ...]:
    """All that a Dockerfile may copy, and the Dockerfile."""
    lock = f"requirements/{component}.lock"
    return (
        f"{component}/Dockerfile",
        f"{component}/cutline_{component}",
        "src/cutline",
        "images",
        lock,
        ".dockerignore",
    )


def recipe_of(order: Order, wheels: Path) -> Recipe:
    """How the image of an order is built."""
    dockerfile = order.source / order.component / "Dockerfile"
    return Recipe(
        order.name, order.source, dockerfile, order.origin.epoch, tuple(build_arguments(order.origin)), wheels
    )


def build_arguments(origin: Provenance) -> list[str]:
    """What every builder of our Dockerfiles has to be told."""
    told = {"VERSION": origin.version, "REVISION": origin.revision, "SOURCE_DATE_EPOCH": str(origin.epoch)}
    return [f"--build-arg={name}={value}" for name, value in told.items()]


def lock_of(order: Order) -> Path:
    return order.source / "requirements" / f"{order.component}.lock"


def _pause_source() -> Path:
    return paths.checkout_root() / "testbed" / "pause"


def _pause_key() -> str:
    return store.key_of(_RECIPE, os.uname().machine, store.contents_key(_pause_source(), ["pause.c", "Dockerfile"]))


def _find(orders: Iterable[Order]) -> ImageArchives | None:
    """All three, or None."""
    ground = base.find_base()
    pause = store.find("pause", _pause_key())
    if ground is None or pause is None:
        return None
    digest = base.digest_of(ground)
    folders = {order.component: store.find(order.component, order.key(digest)) for order in orders}
    webhook, operator = folders["webhook"], folders["operator"]
    if webhook is None or operator is None:
        return None
    return ImageArchives(pause / ARCHIVE, webhook / ARCHIVE, operator / ARCHIVE)


def _build(source: Path, tag: str, report: Report) -> ImageArchives:
    """Those that are missing; whoever held the lock before us may have built them all.

    From a copy of the sources: somebody may save a file meanwhile, and that is for the next call.
    """
    store.discard_leftovers()
    digest = base.digest_of(base.ensure_base(report))
    with Workshop(report) as workshop:
        pause = store.find("pause", _pause_key()) or store.fill(
            "pause", _pause_key(), lambda folder: _make_pause(folder, workshop)
        )
        folders = []
        for component in COMPONENTS:
            origin = provenance_of(source, inputs_of(component))
            sources = workshop.snapshot(source, inputs_of(component))
            contents = store.contents_key(sources, inputs_of(component))
            order = Order(component, sources, image_name(component, tag), origin, contents)
            found = store.find(component, order.key(digest))
            folders.append(found or _make(order, digest, workshop, report))
    return ImageArchives(pause / ARCHIVE, *(folder / ARCHIVE for folder in folders))


def _make(order: Order, base_digest: str, workshop: Workshop, report: Report) -> Path:
    # Needed only here, and a good part of what a warm call would take.
    from cutline_testbed.images import sbom

    report.say(f"building {order.name} ({order.origin.revision})")
    wheels = ensure_wheels(lock_of(order), report)

    def write(folder: Path) -> None:
        workshop.build(recipe_of(order, wheels), folder / ARCHIVE)
        sbom.write_beside(folder / ARCHIVE, folder / SBOM, order.origin.epoch)

    return store.fill(order.component, order.key(base_digest), write)


def _make_pause(folder: Path, workshop: Workshop) -> None:
    source = _pause_source()
    program, dockerfile = folder / "pause", folder / "Dockerfile"
    workshop.compile_static(source / "pause.c", program)
    dockerfile.write_bytes((source / "Dockerfile").read_bytes())
    workshop.build(Recipe(PAUSE_NAME, folder, dockerfile, base_epoch()), folder / ARCHIVE)


def base_epoch() -> int:
    return int(base.EPOCH)
