"""How many files, sockets among them, this process may have open."""

import resource
from typing import Final

# Both listeners' connections, those in the middle of a TLS handshake, and our own to the API server.
WANTED: Final = 4096


def allow_open_files(wanted: int = WANTED) -> None:
    """Raise the soft limit, as Go programs do when they start.

    A container's is often 1024 (containerd 2 leaves it to systemd). With no file left for it a connection
    stays in the listener's queue, and cannot take the place of an idle one.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    possible = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < possible:
        resource.setrlimit(resource.RLIMIT_NOFILE, (possible, hard))
