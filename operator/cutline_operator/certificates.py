"""The certificates with which the API server trusts the webhook: made, judged, replaced.

An authority of our own signs the webhook's serving certificate. What has to happen next is a
pure function of what is stored and of the time (`next_step`); writing it down is the work of
`certificate_store`. During a change of authority both are trusted before the new one signs
anything, and the old one is trusted for a while after the last certificate that it signed.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFETIME: Final = timedelta(days=5 * 365)
AUTHORITY_RENEWED_AT: Final = 0.8
SERVING_LIFETIME: Final = timedelta(days=90)
SERVING_RENEWED_AT: Final = 2 / 3

# API servers learn of a changed configuration through a watch: some seconds, [D] "may take up to".
ANNOUNCED_BEFORE_USE: Final = timedelta(minutes=1)
# A webhook replica that could not read its Secret serves the old certificate on.
TRUSTED_AFTER_USE: Final = timedelta(hours=24)
# Clocks of the machines that verify may be behind ours.
_BACKDATED: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate with its private key, both as PEM."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def fingerprint(self) -> bytes:
        return self.certificate.fingerprint(hashes.SHA256())

    @property
    def certificate_pem(self) -> str:
        return pem_of(self.certificate)

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@dataclass(frozen=True, slots=True)
class CertificateState:
    """What is stored, as far as it can be read: what cannot is as good as absent.

    `bundle` is what the webhook's Secret names as trusted. `configured_since` is the moment from
    which the webhook configurations are known to trust `authority`; None while they do not, or
    while nobody has looked. `configurations_exist` is False before the first installation.
    """

    authority: KeyPair | None
    bundle: tuple[x509.Certificate, ...]
    serving: KeyPair | None
    configurations_exist: bool
    configured_since: datetime | None


class Step(Enum):
    """The next thing to do about the certificates."""

    NOTHING = "Nothing"
    MAKE_AUTHORITY = "MakeAuthority"
    ANNOUNCE_AUTHORITY = "AnnounceAuthority"
    """Trust the authority before it has signed anything."""
    AWAIT_CONFIGURATION = "AwaitConfiguration"
    """The API servers do not yet trust the authority: nothing that it signs may be served."""
    ISSUE = "Issue"
    RETIRE_AUTHORITY = "RetireAuthority"
    """Trust the former authority no longer."""


def next_step(state: CertificateState, names: frozenset[str], now: datetime) -> Step:
    """What to do next, so that `names` are served under a certificate that is trusted."""
    authority, serving = state.authority, state.serving
    # Nobody can sign, or not for long.
    if authority is None or _is_due(authority.certificate, AUTHORITY_RENEWED_AT, now):
        return Step.MAKE_AUTHORITY

    # Nothing is served, so there is no trust to be carried over.
    if serving is None:
        return Step.ISSUE

    # The authority is new.
    if authority.certificate not in state.bundle:
        return Step.ANNOUNCE_AUTHORITY

    # What is served is not what should be served.
    if _must_issue(serving, authority, names, now):
        return Step.ISSUE if _is_trusted(state, now) else Step.AWAIT_CONFIGURATION

    # A former authority has not signed anything that is still served.
    has_others = any(certificate != authority.certificate for certificate in state.bundle)
    if has_others and now >= serving.certificate.not_valid_before_utc + _BACKDATED + TRUSTED_AFTER_USE:
        return Step.RETIRE_AUTHORITY
    return Step.NOTHING


def _must_issue(serving: KeyPair, authority: KeyPair, names: frozenset[str], now: datetime) -> bool:
    return (
        not is_signed_by(serving.certificate, authority.certificate)
        or _is_due(serving.certificate, SERVING_RENEWED_AT, now)
        or names_of(serving.certificate) != names
    )


def _is_trusted(state: CertificateState, now: datetime) -> bool:
    """Whether every API server may be presumed to trust the authority by now."""
    if not state.configurations_exist:
        return True
    return state.configured_since is not None and now >= state.configured_since + ANNOUNCED_BEFORE_USE


def _is_due(certificate: x509.Certificate, share: float, now: datetime) -> bool:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now < start or now >= start + (end - start) * share


def trusted(
    bundle: Iterable[x509.Certificate], authority: x509.Certificate, now: datetime
) -> tuple[x509.Certificate, ...]:
    """`bundle` with `authority` in front and without what has expired."""
    others = (one for one in bundle if one != authority and one.not_valid_after_utc > now)
    return (authority, *others)


def make_authority(now: datetime) -> KeyPair:
    """A new authority. Its name carries its making, so that two of them are told apart."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"cutline-ca-{now:%Y%m%d%H%M%S}")])
    usage = _key_usage(key_cert_sign=True, crl_sign=True)
    builder = (
        _builder(name, name, key, now, AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return KeyPair(builder.sign(key, hashes.SHA256()), key)


def issue(authority: KeyPair, names: frozenset[str], now: datetime) -> KeyPair:
    """A serving certificate for `names` (DNS names and IP addresses), signed by `authority`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cutline-webhook")])
    issuer = authority.certificate
    signer = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    usage = _key_usage(digital_signature=True)
    builder = (
        _builder(subject, issuer.subject, key, now, SERVING_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in sorted(names)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signer), critical=False)
    )
    return KeyPair(builder.sign(authority.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    start = now - _BACKDATED
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + lifetime)
    )


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def names_of(certificate: x509.Certificate) -> frozenset[str]:
    """The DNS names and IP addresses that a certificate is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
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


def pem_of(certificate: x509.Certificate) -> str:
    """One certificate as PEM."""
    return certificate.public_bytes(Encoding.PEM).decode()


def read_bundle(pem: str) -> tuple[x509.Certificate, ...]:
    """The certificates in a PEM text; none at all where it cannot be read."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem.encode()))
    except ValueError:
        return ()


def read_pair(certificate_pem: str, key_pem: str) -> KeyPair | None:
    """A certificate with its key; None where either cannot be read or they do not belong together."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
        key = serialization.load_pem_private_key(key_pem.encode(), password=None)
        public = certificate.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or _raw(key.public_key()) != _raw(public):
        return None
    return KeyPair(certificate, key)


def _raw(key: object) -> bytes:
    """A public key's one encoding; empty for what is not an elliptic curve's."""
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return b""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
