"""What a machine needs to build images: Linux, root, namespaces and a few Debian packages.

It refuses to guess: each thing is looked at, and the first that is missing is named.
"""

from __future__ import annotations

import subprocess

from cutline_testbed.debian import can_install, missing_packages
from cutline_testbed.images.isolation import ISOLATED
from cutline_testbed.privileges import missing_privileges

PACKAGES = ("buildah", "mmdebstrap", "gcc", "libc6-dev")


def can_build_images() -> str | None:
    """None if images can be built here, else why not, in one line."""
    reason = missing_privileges("building images", "runs them in namespaces of its own")
    if reason:
        return reason
    probe = subprocess.run([*ISOLATED, "true"], capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        return f"images are built in namespaces of their own, and none can be made here ({probe.stderr.strip()})"
    missing = missing_packages(PACKAGES)
    if missing and not can_install():
        return f"images are built with {', '.join(missing)}, which is missing here and cannot be installed with apt-get"
    return None
