"""Namespaces in which a program's mounts and children end with it, however it ends."""

from __future__ import annotations

# The program's own mounts are never seen outside, so nothing has to be unmounted; killing the first
# process takes all others along.
ISOLATED = (
    "unshare",
    "--mount",
    "--propagation=private",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "--",
)
