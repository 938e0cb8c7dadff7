"""How a caller of the webhook verifies it, and a handshake in memory that shows whether that would succeed.

The rules are those of the API server, which is written in Go: every certificate of the bundle is an
anchor, an intermediate one too; names are those of the extension, never the subject's; and what RFC 5280
demands of an authority beyond what verification needs, it does not insist on. Ours has all of it anyway.
"""

import os
import ssl
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from cutline_operator.certificate_reading import Serving


def trusting(bundle: str) -> ssl.SSLContext:
    """A client's context that trusts `bundle` (PEM) and nothing else; `ValueError` or `SSLError` if it has nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=bundle)
    context.hostname_checks_common_name = False
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def shake_hands(serving: Serving, caller: ssl.SSLContext, host: str) -> None:
    """Raises `SSLCertVerificationError` where a caller of `host` would not be content, and `OSError` or
    `ValueError` where this cannot be served at all."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with _as_file(f"{serving.chain_pem.rstrip()}\n{serving.key_pem}".encode()) as path:
        server_context.load_cert_chain(path, password=_no_password)
    upward, downward = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = caller.wrap_bio(downward, upward, server_hostname=host)
    server = server_context.wrap_bio(upward, downward, server_side=True)
    for side in (client, server, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    if client.getpeercert(binary_form=True) is None:
        raise ValueError("it does not complete a handshake")


def _no_password() -> str:
    """Answer in place of the terminal, where OpenSSL would otherwise wait for a passphrase."""
    raise ValueError("the key is encrypted")


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """A path under which OpenSSL finds `content`; on Linux in memory, so that no key touches a disk."""
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
