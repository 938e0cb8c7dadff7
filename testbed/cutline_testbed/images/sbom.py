"""The list of software in an image (SBOM), as CycloneDX JSON.

It says what the image says about itself: each component with version, licence, package URL, the
digest of what was installed, and the places of its files. The same image gives the same list. It
refuses to look into files and guess.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.exceptions import InvalidSpdxLicenseException
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from cutline_testbed.images.archive import Image, contents_of, read_image

_LICENCES = LicenseFactory()


def write_beside(archive: Path, target: Path, epoch: int) -> None:
    """Write the list of an archive; nothing for an image that does not say what it consists of."""
    contents = contents_of(archive)
    if contents is not None:
        target.write_text(as_json(contents, read_image(archive), epoch), encoding="utf-8")


def as_json(contents: dict[str, Any], image: Image, epoch: int) -> str:
    """The document as text."""
    subject = Component(
        type=ComponentType.CONTAINER,
        name=contents["title"],
        version=contents["version"],
        bom_ref=image.digest,
        purl=PackageURL("oci", None, contents["title"], image.digest),
        licenses=[_LICENCES.make_with_id("Apache-2.0")],
        properties=[Property(name="cutline:revision", value=contents["revision"])],
    )
    components = [_component(entry, contents["distro"]) for entry in contents["components"]]
    bom = Bom(
        serial_number=uuid5(NAMESPACE_URL, image.digest),
        metadata=BomMetaData(component=subject, timestamp=datetime.fromtimestamp(epoch, UTC)),
        components=components,
    )
    bom.register_dependency(subject, components)
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


def _component(entry: dict[str, Any], distro: str) -> Component:
    return Component(
        type=ComponentType.APPLICATION if entry["kind"] == "cutline" else ComponentType.LIBRARY,
        name=entry["name"],
        version=entry["version"],
        bom_ref=f"{entry['kind']}/{entry['name']}",
        purl=_purl(entry, distro),
        cpe=f"cpe:2.3:a:python:python:{entry['version']}:*:*:*:*:*:*:*" if entry["kind"] == "cpython" else None,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=entry["sha256"])] if entry["sha256"] else [],
        licenses=_licences(entry),
        properties=[Property(name="cutline:licence-text", value=path) for path in entry["licence_files"]],
        evidence=ComponentEvidence(occurrences=[Occurrence(location=path) for path in entry["files"]]),
    )


def _purl(entry: dict[str, Any], distro: str) -> PackageURL:
    kind, name, version = entry["kind"], entry["name"], entry["version"]
    if kind == "debian":
        upstream = quote(entry["source"].replace(" ", "@"), safe="@")
        qualifiers = {"arch": entry["architecture"], "distro": distro, "upstream": upstream}
        return PackageURL("deb", "debian", name, version, qualifiers)
    if kind == "wheel":
        return PackageURL("pypi", None, name.lower().replace("_", "-"), version)
    return PackageURL("generic", None, "python" if kind == "cpython" else "cutline", version)


def _licences(entry: dict[str, Any]) -> list[License]:
    """One expression where there is one; else each by its SPDX id or by the name that its author uses."""
    told = entry["licences"]
    if len(told) == 1:
        return [_LICENCES.make_from_string(told[0])]
    return [_by_id_or_name(name) for name in told]


def _by_id_or_name(name: str) -> License:
    try:
        return _LICENCES.make_with_id(name)
    except InvalidSpdxLicenseException:
        return _LICENCES.make_with_name(name)
