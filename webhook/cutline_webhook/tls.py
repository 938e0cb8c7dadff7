"""The webhook's TLS: a context whose certificate is replaced while it serves.

A replaced certificate is used from the next handshake on; connections that are open keep theirs.
"""

import hashlib
import os
import ssl
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

# OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python gives no name.
_IGNORE_VALIDITY: Final = 0x200000


class BadCertificate(Exception):
    """The certificate and key cannot be served: malformed, not a pair, or not for servers."""


@dataclass(frozen=True, slots=True)
class ServedCertificate:
    """What is known of a certificate in use."""

    not_after: float
    """End of validity, seconds since the epoch."""
    names: tuple[str, ...]
    sha256: str


def serving_context(client_ca: str | None = None) -> ssl.SSLContext:
    """A server context without a certificate yet: handshakes fail until `replace_certificate`.

    `client_ca` holds CA certificates in PEM; with it only clients that present a certificate of
    theirs get through the handshake. Raises `BadCertificate` if it holds none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    # Against an address on loopback the API server would otherwise speak HTTP/2.
    context.set_alpn_protocols(["http/1.1"])
    # The API server keeps no TLS sessions; tickets would only let others outlive a rotation.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    if client_ca is not None:
        try:
            context.load_verify_locations(cadata=client_ca)
        except (ssl.SSLError, ValueError) as error:
            raise BadCertificate(f"no client CA can be read: {error}") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def replace_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes) -> ServedCertificate:
    """Serve `certificate` (PEM, leaf first) with `key` (PEM) from the next handshake on.

    Both are tried in a handshake of our own first, since a failing load leaves a context with half of
    each. An expired certificate passes: whoever watches `not_after` decides what that means. Raises
    `BadCertificate`, and the context then serves what it served before.
    """
    trial = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with _as_file(certificate.rstrip() + b"\n" + key) as path:
        try:
            trial.load_cert_chain(path, password=_no_password)
            served = _handshake(trial, certificate)
            context.load_cert_chain(path, password=_no_password)
        except (OSError, ValueError) as error:
            raise BadCertificate(f"the certificate cannot be served: {error}") from error
    return served


def _handshake(server_context: ssl.SSLContext, certificate: bytes) -> ServedCertificate:
    """Shake hands with ourselves over memory, which also makes Python decode the certificate."""
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False
    client_context.load_verify_locations(cadata=certificate.decode("ascii"))
    client_context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _IGNORE_VALIDITY
    upward, downward = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(downward, upward)
    server = server_context.wrap_bio(upward, downward, server_side=True)
    for side in (client, server, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    decoded, encoded = client.getpeercert(), client.getpeercert(binary_form=True)
    if not decoded or encoded is None:
        raise ValueError("it does not complete a handshake")
    return ServedCertificate(
        not_after=float(ssl.cert_time_to_seconds(str(decoded["notAfter"]))),
        names=tuple(str(entry[1]) for entry in decoded.get("subjectAltName", ())),
        sha256=hashlib.sha256(encoded).hexdigest(),
    )


def _no_password() -> str:
    """Answer in place of the terminal, where OpenSSL would otherwise wait for a passphrase."""
    raise ValueError("the key is encrypted")


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """A path under which OpenSSL finds `content`, readable by this user alone, gone afterwards.

    Where the system can, it is a file in memory: then no key touches a disk, and a container with a
    read-only root needs no volume for it.
    """
    if sys.platform == "linux":
        descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
        try:
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
    else:
        with tempfile.NamedTemporaryFile() as file:  # mode 0600
            file.write(content)
            file.flush()
            yield file.name
