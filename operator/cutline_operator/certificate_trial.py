"""How a caller of the webhook verifies it, and a handshake in memory that shows whether that would succeed.

The rules are those of the API server, which is written in Go: every certificate of the bundle is an
anchor, an intermediate one too; names are those of the extension, never the subject's; and what RFC 5280
demands of an authority beyond what verification needs, it does not insist on. Ours has all of it anyway.
"""

import ssl

from cutline.kube.tls import load_pair, shake_hands
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


def try_serving(serving: Serving, caller: ssl.SSLContext, host: str) -> None:
    """Raises `SSLCertVerificationError` where a caller of `host` would not be content, and `OSError` or
    `ValueError` where this cannot be served at all."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_pair(server, serving.chain_pem.encode(), serving.key_pem.encode())
    shake_hands(server, caller, host)
