"""The testbed's certificate authority and what it signs.

The authority and the service-account key live as long as the testbed's state; everything else is
issued afresh at each start, so nothing expires in a testbed that is used. It refuses to issue
without a name, and keys never leave the state folder, which only its owner may read.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_LIFETIME = dt.timedelta(days=3650)
LEAF_LIFETIME = dt.timedelta(days=365)
# Clocks of clients may be behind ours by a little.
BACKDATE = dt.timedelta(minutes=5)

SERVER_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")


@dataclass(frozen=True, slots=True)
class Credential:
    """A certificate and its key, both PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """Signs certificates; kept in a folder as ca.crt and ca.key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate_file = folder / "ca.crt"
        self.key_file = folder / "ca.key"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (self.certificate_file.is_file() and self.key_file.is_file()):
            self._create()
        self._certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
        key = serialization.load_pem_private_key(self.key_file.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{self.key_file} does not hold an elliptic-curve key")
        self._key = key

    @property
    def pem(self) -> bytes:
        return self.certificate_file.read_bytes()

    def client(self, user: str, groups: Sequence[str] = ()) -> Credential:
        """Kubernetes reads the user from CN and the groups from every O."""
        names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        names.append(x509.NameAttribute(NameOID.COMMON_NAME, user))
        return self._issue(x509.Name(names), ExtendedKeyUsageOID.CLIENT_AUTH, None)

    def server(self, name: str, addresses: Sequence[str]) -> Credential:
        """Valid for the names of an API server, its own name and these addresses."""
        alternatives = x509.SubjectAlternativeName(
            [
                *(x509.DNSName(host) for host in (name, *SERVER_NAMES)),
                *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses),
            ]
        )
        return self._issue(_common_name(name), ExtendedKeyUsageOID.SERVER_AUTH, alternatives)

    def _issue(
        self, subject: x509.Name, usage: x509.ObjectIdentifier, names: x509.SubjectAlternativeName | None
    ) -> Credential:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(subject, self._certificate.subject, key.public_key(), LEAF_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        signed = builder.sign(self._key, hashes.SHA256())
        return Credential(signed.public_bytes(serialization.Encoding.PEM), _private_pem(key))

    def _create(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _common_name("cutline-testbed-ca")
        signed = (
            _builder(subject, subject, key.public_key(), CA_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            # Without these two usages strict verifiers reject whatever the authority signs.
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        write_private(self.key_file, _private_pem(key))
        self.certificate_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))


def ensure_service_account_key(folder: Path) -> tuple[Path, Path]:
    """The key pair that signs service-account tokens: (private, public) files."""
    private, public = folder / "service-accounts.key", folder / "service-accounts.pub"
    if not (private.is_file() and public.is_file()):
        key = ec.generate_private_key(ec.SECP256R1())
        write_private(private, _private_pem(key))
        public.write_bytes(
            key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
    return private, public


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, and never leave half of it."""
    staging = path.with_name(f".{path.name}.new")
    staging.unlink(missing_ok=True)
    staging.touch(mode=0o600)
    staging.write_bytes(content)
    staging.replace(path)


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, lifetime: dt.timedelta
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + lifetime)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
