"""The webhook's TLS: a context whose certificate is replaced while it serves.

A replaced certificate is used from the next handshake on; connections that are open keep theirs.
"""

import hashlib
import ssl
from dataclasses import dataclass
from typing import Final

from cutline.kube.tls import load_pair, shake_hands

# OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python gives no name.
_IGNORE_VALIDITY: Final = 0x200000


class BadCertificate(Exception):
    """The certificate and key cannot be served: malformed, not a pair, or not for servers."""


@dataclass(frozen=True, slots=True)
class ServedCertificate:
    """What is known of a certificate in use."""

    not_after: float
    """End of validity, seconds since the epoch."""
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
    try:
        load_pair(trial, certificate, key)
        served = _tried(trial, certificate)
        load_pair(context, certificate, key)
    except (OSError, ValueError) as error:
        raise BadCertificate(f"the certificate cannot be served: {error}") from error
    return served


def _tried(server: ssl.SSLContext, certificate: bytes) -> ServedCertificate:
    """What our own client gets to see, which also makes Python decode the certificate."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.load_verify_locations(cadata=certificate.decode("ascii"))
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _IGNORE_VALIDITY
    connection = shake_hands(server, client)
    decoded, encoded = connection.getpeercert(), connection.getpeercert(binary_form=True)
    if not decoded or encoded is None:
        raise ValueError("it presents no certificate")
    return ServedCertificate(
        not_after=float(ssl.cert_time_to_seconds(str(decoded["notAfter"]))),
        sha256=hashlib.sha256(encoded).hexdigest(),
    )
