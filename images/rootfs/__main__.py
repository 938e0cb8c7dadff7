"""`python3 -m images.rootfs`: collect the root file system of one image in the stage that built it."""

from __future__ import annotations

import argparse
import py_compile
from collections.abc import Iterable
from pathlib import Path

from images.rootfs import contents, debian, interpreter, libraries
from images.rootfs.tree import Tree
from images.rootfs.wheels import Wheel, installed

APP = Path("/opt/cutline/app")
LIBRARIES = Path("/opt/cutline/lib")
USER = 65532
COPYRIGHT = "/usr/share/doc/cutline/copyright"
# Certificates of public authorities and OpenSSL's defaults, for kubeconfigs that name no authority.
CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/usr/lib/ssl/cert.pem", "/usr/lib/ssl/openssl.cnf")
# Names and numbers for those who look them up; no account can log in.
ACCOUNTS = {
    "/etc/passwd": f"root:x:0:0:root:/:/nonexistent\ncutline:x:{USER}:{USER}:Cutline:/nonexistent:/nonexistent\n",
    "/etc/group": f"root:x:0:\ncutline:x:{USER}:\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n",
}


def main() -> None:
    """In the order in which each step needs the one before."""
    arguments = _parser().parse_args()
    tree = Tree(arguments.out)
    packages = debian.PackageIndex()
    wheels = list(installed(LIBRARIES, arguments.pip_report))
    owners = contents.Owners(arguments.version, wheels, packages)
    _collect(tree, wheels)
    _compile(tree)
    generated = _write_settings(tree)
    generated += _write_licences(tree, owners)
    generated += [libraries.INDEX, contents.PLACE]
    tree.write(contents.PLACE, "")  # it lists itself
    components = owners.settle(tree.files(), generated)
    text = contents.as_json(arguments.title, arguments.version, arguments.revision, components)
    tree.write(contents.PLACE, text)
    tree.settle(arguments.epoch)


def _collect(tree: Tree, wheels: Iterable[Wheel]) -> None:
    """Everything that is there already: Python, the wheels, Cutline, and what they load."""
    application = (path for path in APP.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    for path in sorted(
        [*interpreter.files(), *map(str, application), *(file for wheel in wheels for file in wheel.files)]
    ):
        tree.add(path)
    for path in CERTIFICATES:
        tree.add(path)
    tree.add("/etc/os-release")
    tree.add(libraries.INDEX)
    for path in libraries.needed_by(path for path in tree.files() if libraries.is_elf(tree.inside(path))):
        tree.add(path)


def _compile(tree: Tree) -> None:
    """Nothing can be written at run time. Trusted without a look at times, which copies do not keep."""
    for path in tree.files():
        if path.endswith(".py"):
            py_compile.compile(
                str(tree.inside(path)),
                dfile=path,
                doraise=True,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )


def _write_settings(tree: Tree) -> list[str]:
    for path, text in ACCOUNTS.items():
        tree.write(path, text)
    for folder in ("/dev", "/proc", "/run", "/sys", "/etc/cutline"):
        tree.folder(folder)
    tree.folder("/tmp", 0o1777)  # noqa: S108 - the image has it; nothing is written there now
    return list(ACCOUNTS)


def _write_licences(tree: Tree, owners: contents.Owners) -> list[str]:
    """Each package's own text and what it refers to, and its record for those who scan images."""
    tree.write(COPYRIGHT, "Cutline is under the Apache License 2.0: /usr/share/common-licenses/Apache-2.0\n")
    texts = {"/usr/share/common-licenses/Apache-2.0"}
    for package in owners.packages_of([*tree.files(), *texts]):
        copyright_text = Path(package.copyright_file).read_text("utf-8", errors="replace")
        texts |= {package.copyright_file, *debian.common_licences(copyright_text)}
    for path in sorted(texts):
        if Path(path).is_file():
            tree.add(path)
    records = []
    for package in owners.packages_of(tree.files()):
        records.append(f"/var/lib/dpkg/status.d/{package.name}")
        tree.write(records[-1], package.stanza + "\n")
    return [COPYRIGHT, *records]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="images.rootfs", description="Collect an image's root file system.")
    parser.add_argument("--out", type=Path, required=True, help="the folder that becomes the image's root")
    parser.add_argument("--pip-report", type=Path, required=True, help="what pip wrote about the installation")
    parser.add_argument("--title", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--revision", required=True)
    parser.add_argument("--epoch", type=int, required=True, help="the time that every file gets")
    return parser


if __name__ == "__main__":
    main()
