"""Certificates as they are found in PEM: read, compared, taken apart. Nothing is made here."""

from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Certificates = tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True)
class Serving:
    """What a webhook serves with: the certificate, those between it and an authority, the key."""

    chain: Certificates
    chain_pem: str
    key_pem: str

    @property
    def leaf(self) -> x509.Certificate:
        return self.chain[0]

    @property
    def fingerprint(self) -> str:
        return self.leaf.fingerprint(hashes.SHA256()).hex()


class NotAPair(ValueError):
    """Certificate and key are readable, and not of one another."""


def read_serving(chain_pem: str, key_pem: str) -> Serving | None:
    """What is served; None where it cannot be read or does not belong together."""
    try:
        return parse_serving(chain_pem, key_pem)
    except ValueError:
        return None


def parse_serving(chain_pem: str, key_pem: str) -> Serving:
    """As `read_serving`; raises `NotAPair`, and `ValueError` for what cannot be read."""
    try:
        chain = tuple(x509.load_pem_x509_certificates(chain_pem.encode()))
        key = serialization.load_pem_private_key(key_pem.encode(), password=None)
        of_certificate, of_key = public_bytes(chain[0]), public_bytes(key.public_key())
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(f"{error}") from error
    if of_certificate != of_key:
        raise NotAPair("the key is not the certificate's")
    return Serving(chain, chain_pem, key_pem)


def public_bytes(of: x509.Certificate | PublicKeyTypes) -> bytes:
    """The one encoding of a public key, by which keys are compared."""
    key = of.public_key() if isinstance(of, x509.Certificate) else of
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def read_bundle(pem: str) -> Certificates:
    """The certificates in a PEM text, each once; none at all where it cannot be read."""
    try:
        return unique(x509.load_pem_x509_certificates(pem.encode()))
    except ValueError:
        return ()


def unique(certificates: Iterable[x509.Certificate]) -> Certificates:
    """Each certificate once, in the order in which they first came."""
    return tuple(dict.fromkeys(certificates))


def pem_of(*certificates: x509.Certificate) -> str:
    """Certificates as PEM, one after the other."""
    return "".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in certificates)


def names_of(certificate: x509.Certificate) -> frozenset[str]:
    """The DNS names and IP addresses that a certificate is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return frozenset()
    addresses = (str(address) for address in names.get_values_for_type(x509.IPAddress))
    return frozenset((*names.get_values_for_type(x509.DNSName), *addresses))


def is_signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Whether `authority`'s key signed `certificate`, under its name."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def signers_in(bundle: Iterable[x509.Certificate], serving: Serving) -> Certificates:
    """Which of `bundle` vouch for what is served, directly or through its chain."""
    return tuple(one for one in bundle if any(link == one or is_signed_by(link, one) for link in serving.chain))
