"""Which Debian package a file is of, and what that package says about itself.

Read from dpkg's own records. It refuses to ask a program or a network.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

# Made on the machine from what a package brought along, hence in nobody's list.
GENERATED = {"/etc/ssl/certs/ca-certificates.crt": "ca-certificates", "/etc/ssl/openssl.cnf": "openssl"}
_SHORT_NAME = re.compile(r"^License:[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
_COMMON = re.compile(r"/usr/share/common-licenses/([A-Za-z0-9.-]*[A-Za-z0-9])")


@dataclass(frozen=True)
class Package:
    """One stanza of dpkg's status file."""

    name: str
    version: str
    architecture: str
    source: str
    stanza: str

    @property
    def copyright_file(self) -> str:
        """Where Debian puts what a package's licence is."""
        return f"/usr/share/doc/{self.name}/copyright"


class PackageIndex:
    """From paths to packages."""

    def __init__(self, records: Path = Path("/var/lib/dpkg")) -> None:
        self._packages = {package.name: package for package in _packages((records / "status").read_text("utf-8"))}
        self._owners: dict[str, str] = {}
        for listing in sorted((records / "info").glob("*.list")):
            name = listing.name.removesuffix(".list").partition(":")[0]
            for path in listing.read_text("utf-8").splitlines():
                self._owners[_through_links(path)] = name

    def owner(self, path: str) -> Package | None:
        """The package that brought this file; the path is the one behind all links of its folders."""
        name = GENERATED.get(path) or self._owners.get(path)
        return self._packages.get(name) if name else None


def licences(copyright_text: str) -> list[str]:
    """The licences by the short names that the file gives them; none where it is written as prose."""
    if not copyright_text.startswith("Format:"):
        return []
    names = {part.strip() for line in _SHORT_NAME.findall(copyright_text) for part in re.split(r" (?:or|and) ", line)}
    return sorted(names)


def common_licences(copyright_text: str) -> list[str]:
    """The texts that a copyright file leaves to Debian's folder of frequent ones."""
    return sorted({f"/usr/share/common-licenses/{name}" for name in _COMMON.findall(copyright_text)})


def _packages(status: str) -> list[Package]:
    found = []
    for stanza in status.strip().split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", stanza, re.MULTILINE))
        source, _, source_version = str(fields.get("Source", fields["Package"])).partition(" ")
        version = source_version.strip("()") or fields["Version"]
        package = Package(fields["Package"], fields["Version"], fields["Architecture"], f"{source} {version}", stanza)
        found.append(package)
    return found


def _through_links(path: str) -> str:
    """Lists written before /usr was merged name /lib; the file is in /usr/lib."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)
