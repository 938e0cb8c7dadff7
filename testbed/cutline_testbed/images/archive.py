"""Reads an image from its OCI archive: digests, configuration, files.

It refuses compressions and layer kinds that our own builder does not write.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cutline_testbed.errors import TestbedError

CONTENTS = "usr/share/doc/cutline/contents.json"


@dataclass(frozen=True, slots=True)
class Image:
    """What the manifest of the one image of an archive says."""

    name: str
    digest: str
    layers: tuple[str, ...]
    packed: int
    config: dict[str, Any]


def read_image(archive: Path) -> Image:
    """The archive's only image; `packed` is what a registry would store and a node fetch."""
    with tarfile.open(archive) as tar:
        [entry] = _json(tar, "index.json")["manifests"]
        manifest = _json(tar, _blob(entry["digest"]))
        config = _json(tar, _blob(manifest["config"]["digest"]))
    layers = manifest["layers"]
    return Image(
        name=entry["annotations"]["org.opencontainers.image.ref.name"],
        digest=entry["digest"],
        layers=tuple(layer["digest"] for layer in layers),
        packed=sum(layer["size"] for layer in layers),
        config=config,
    )


@contextmanager
def layer_files(archive: Path) -> Iterator[tarfile.TarFile]:
    """The files of an image of one layer."""
    layers = read_image(archive).layers
    if len(layers) != 1:
        raise TestbedError(f"{archive.name} has {len(layers)} layers; only images of one are read")
    with tarfile.open(archive) as tar:
        data = gzip.decompress(_bytes(tar, _blob(layers[0])))
    with tarfile.open(fileobj=io.BytesIO(data)) as layer:
        yield layer


def contents_of(archive: Path) -> dict[str, Any] | None:
    """What the image says it consists of; None for one that says nothing."""
    if len(read_image(archive).layers) != 1:
        return None
    with layer_files(archive) as layer:
        try:
            return _json(layer, CONTENTS)
        except KeyError:
            return None


def unpack(archive: Path, folder: Path) -> None:
    """The image's root file system, with owners and modes; to be called as root."""
    folder.mkdir(parents=True, exist_ok=True)
    with layer_files(archive) as layer:
        # Our own image: its links and modes are meant.
        layer.extractall(folder, filter="fully_trusted", numeric_owner=True)  # noqa: S202


def _blob(digest: str) -> str:
    algorithm, _, value = digest.partition(":")
    return f"blobs/{algorithm}/{value}"


def _bytes(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file.read()


def _json(tar: tarfile.TarFile, name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(_bytes(tar, name))
    return value
