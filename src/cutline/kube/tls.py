"""A certificate that is known as text: given to OpenSSL, and tried in a handshake that no network carries.

OpenSSL reads certificates with their keys from files only, and finds most faults of theirs only when they
are served. Both are needed where a certificate is made and where it is served.
"""

import os
import ssl
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


def load_pair(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Serve `certificate` (PEM, leaf first) with `key` (PEM).

    Raises `OSError` or `ValueError` where that cannot be; the context may then have half of each.
    """
    with _as_file(certificate.rstrip() + b"\n" + key) as path:
        context.load_cert_chain(path, password=_no_password)


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, host: str | None = None) -> ssl.SSLObject:
    """The client's side of a connection over memory, to `host` where the client checks names.

    Raises `ssl.SSLError` as either side would, and `ValueError` where no certificate was presented.
    """
    upward, downward = ssl.MemoryBIO(), ssl.MemoryBIO()
    caller = client.wrap_bio(downward, upward, server_hostname=host)
    answerer = server.wrap_bio(upward, downward, server_side=True)
    for side in (caller, answerer, caller):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    if caller.getpeercert(binary_form=True) is None:
        raise ValueError("it does not complete a handshake")
    return caller


def _no_password() -> str:
    """Answer in place of the terminal, where OpenSSL would otherwise wait for a passphrase."""
    raise ValueError("the key is encrypted")


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """A path under which OpenSSL finds `content`, readable by this user alone, gone afterwards.

    Where the system can, it is a file in memory: then no key touches a disk, and a container with a
    read-only root needs no volume for it.
    """
    if sys.platform != "linux":
        with tempfile.NamedTemporaryFile() as file:  # mode 0600
            file.write(content)
            file.flush()
            yield file.name
        return
    descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
