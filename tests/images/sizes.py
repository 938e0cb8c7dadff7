"""What an image consists of, in the groups of docs/reference/images.md."""

import gzip
import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cutline_testbed.images.archive import layer_files

_LARGE_WHEELS = ("cryptography", "aiohttp", "pydantic", "uvloop", "kopf", "kubernetes")


@dataclass(frozen=True, slots=True)
class Contents:
    """The components of an image, by kind and name, with their files."""

    components: Mapping[tuple[str, str], Mapping[str, Any]]

    def files(self) -> dict[str, tuple[str, str]]:
        """Each file, and whose it is."""
        return {path: key for key, entry in self.components.items() for path in entry["files"]}


def contents_from(told: Mapping[str, Any]) -> Contents:
    """As the image wrote it down."""
    return Contents({(entry["kind"], entry["name"]): entry for entry in told["components"]})


def group_of(kind: str, name: str) -> str:
    """The row of the table that a component counts in."""
    if kind == "cutline":
        return "Cutline, settings and records"
    if kind == "cpython" or (kind == "debian" and "python" in name):
        return "Python and its standard library"
    if kind == "debian":
        return {"libssl3t64": "OpenSSL", "libc6": "C and C++ libraries", "libstdc++6": "C and C++ libraries"}.get(
            name, "other libraries, licences"
        )
    return next((large for large in _LARGE_WHEELS if name.startswith(large)), "other wheels")


def sizes(archive: Path, contents: Contents) -> dict[str, tuple[float, float]]:
    """MB of each group: packed on its own, and as files."""
    groups: dict[str, list[str]] = {}
    for path, key in contents.files().items():
        groups.setdefault(group_of(*key), []).append(path)
    with layer_files(archive) as layer:
        return {group: _measured(layer, paths) for group, paths in sorted(groups.items())}


def _measured(layer: tarfile.TarFile, paths: Iterable[str]) -> tuple[float, float]:
    packed, whole = io.BytesIO(), 0
    with gzip.GzipFile(fileobj=packed, mode="w", compresslevel=6) as out, tarfile.open(fileobj=out, mode="w") as tar:
        for entry in (layer.getmember(path.lstrip("/")) for path in sorted(paths)):
            tar.addfile(entry, layer.extractfile(entry))
            whole += entry.size
    return packed.tell() / 1e6, whole / 1e6


def rows(table: str) -> Iterator[tuple[str, list[float]]]:
    """The rows of a table of figures in Markdown: its first cell, and the numbers in the others."""
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        numbers = [float(cell) for cell in cells[1:] if cell.replace(".", "", 1).isdigit()]
        if numbers and len(numbers) == len(cells) - 1:
            yield cells[0], numbers
