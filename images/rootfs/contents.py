"""What an image consists of, written down inside it: every file, and the component it is of.

The list of software (SBOM) is made from this. It refuses a file that nobody brought.
"""

from __future__ import annotations

import dataclasses
import json
import platform
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.util import source_from_cache
from pathlib import Path

from images.rootfs import debian
from images.rootfs.interpreter import stdlib_folder
from images.rootfs.wheels import Wheel

PLACE = "/usr/share/doc/cutline/contents.json"
CUTLINE, CPYTHON = "cutline", "cpython"


@dataclass
class Component:
    """One thing with a name, a version and a licence of its own."""

    kind: str
    name: str
    version: str
    licences: list[str]
    sha256: str = ""
    architecture: str = ""
    source: str = ""
    licence_files: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


class Owners:
    """Tells of each file of the image whose it is; collects them into components."""

    def __init__(self, version: str, wheels: Iterable[Wheel], packages: debian.PackageIndex) -> None:
        self._packages = packages
        python = Component(CPYTHON, "CPython", platform.python_version(), ["PSF-2.0"])
        python.licence_files = [f"{stdlib_folder()}/LICENSE.txt"]
        ours = ["/usr/share/doc/cutline/copyright", "/usr/share/common-licenses/Apache-2.0"]
        self._components = {
            CUTLINE: Component(CUTLINE, "Cutline", version, ["Apache-2.0"], licence_files=ours),
            CPYTHON: python,
        }
        self._of_wheels: dict[str, str] = {}
        for wheel in wheels:
            key = f"wheel/{wheel.name}"
            component = Component("wheel", wheel.name, wheel.version, [wheel.licence], wheel.sha256)
            component.licence_files = list(wheel.licence_files)
            self._components[key] = component
            self._of_wheels |= dict.fromkeys(wheel.files, key)

    def packages_of(self, paths: Iterable[str]) -> list[debian.Package]:
        """The Debian packages among the owners of these files."""
        found = {}
        for path in paths:
            package = self._package(path)
            if package is not None:
                found[package.name] = package
        return [found[name] for name in sorted(found)]

    def settle(self, paths: Iterable[str], generated: Iterable[str]) -> list[Component]:
        """Give each file to its component. Raises for one that has none."""
        ours = set(generated)
        for path in paths:
            self._components[CUTLINE if path in ours else self._key(path)].files.append(path)
        return [self._components[key] for key in sorted(self._components)]

    def _package(self, path: str) -> debian.Package | None:
        return self._packages.owner(source_of(path))

    def _key(self, path: str) -> str:
        source = source_of(path)
        if source in self._of_wheels:
            return self._of_wheels[source]
        if source.startswith("/opt/cutline/app/"):
            return CUTLINE
        package = self._package(path)
        if package is not None:
            return self._debian(package)
        if source.startswith((f"{stdlib_folder()}/", f"{sys.base_prefix}/bin/", f"{sys.base_prefix}/lib/libpython")):
            return CPYTHON
        raise LookupError(f"{path} is in the image, and no wheel, package or interpreter brought it")

    def _debian(self, package: debian.Package) -> str:
        key = f"debian/{package.name}"
        if key not in self._components:
            component = Component("debian", package.name, package.version, [])
            component.architecture, component.source = package.architecture, package.source
            text = Path(package.copyright_file)
            if text.is_file():
                told = text.read_text("utf-8", errors="replace")
                component.licences = debian.licences(told) or [f"see {package.copyright_file}"]
                component.licence_files = [package.copyright_file, *debian.common_licences(told)]
            self._components[key] = component
        return key


def source_of(path: str) -> str:
    """The module that a compiled file was made from; any other file is its own source."""
    return source_from_cache(path) if path.endswith(".pyc") else path


def as_json(title: str, version: str, revision: str, components: list[Component]) -> str:
    """In a form that is the same for the same image."""
    system = platform.freedesktop_os_release()
    distro = f"{system['ID']}-{system.get('VERSION_ID', 'unstable')}"
    told = {"title": title, "version": version, "revision": revision, "distro": distro}
    listed = [dataclasses.asdict(component) for component in components]
    return json.dumps({**told, "components": listed}, indent=1, sort_keys=True) + "\n"
