"""The personas are who the tests believe they are."""

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID, NameOID

from cutline_testbed import personas, rbac
from cutline_testbed.pki import Authority


def _bindings_to(subject: dict[str, str]) -> set[str]:
    bindings = [item for item in personas.manifests() if item["kind"] == "ClusterRoleBinding"]
    return {binding["roleRef"]["name"] for binding in bindings if subject in binding["subjects"]}


def _rules(role: str) -> list[dict[str, Any]]:
    return next(list(item["rules"]) for item in rbac.cluster_roles() if item["metadata"]["name"] == role)


def test_names_are_unique() -> None:
    assert len(personas.BY_NAME) == len(personas.PERSONAS)


def test_only_admin_passes_every_check() -> None:
    masters = [persona.name for persona in personas.PERSONAS if "system:masters" in persona.groups]
    assert masters == ["admin"]
    assert _bindings_to(rbac.user("mallory")) == {"cluster-admin"}


def test_humans_are_people_and_machines_are_not() -> None:
    people = {persona.name for persona in personas.PERSONAS if "people" in persona.groups}
    assert people == {"alice", "bob", "sam", "platform", "mallory"}


def test_agent_robot_and_engineers_have_the_same_rights_on_workloads() -> None:
    agent = _bindings_to(rbac.service_account("agents", "ai-sre"))
    assert agent == {rbac.WORKLOADS_ROLE, rbac.VIEW_ROLE}
    assert _bindings_to(rbac.user("robot")) == agent
    assert _bindings_to(rbac.group("sre")) == agent
    assert personas.BY_NAME["agent"].username == "system:serviceaccount:agents:ai-sre"


def test_neither_agent_nor_engineers_may_read_secrets() -> None:
    for role in (rbac.WORKLOADS_ROLE, rbac.VIEW_ROLE):
        for rule in _rules(role):
            core = {"", "*"} & set(rule["apiGroups"])
            assert not (core and {"secrets", "*"} & set(rule["resources"])), rule


def test_certificates_carry_user_groups_and_usages(tmp_path: Any) -> None:
    authority = Authority(tmp_path)
    issued = x509.load_pem_x509_certificate(authority.client("sam", ("people", "sre")).certificate)
    assert [item.value for item in issued.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["sam"]
    groups = [item.value for item in issued.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    assert groups == ["people", "sre"]
    key = issued.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)

    root = x509.load_pem_x509_certificate(authority.pem)
    issued.verify_directly_issued_by(root)
    usage = root.extensions.get_extension_for_oid(ExtensionOID.KEY_USAGE).value
    assert isinstance(usage, x509.KeyUsage)
    assert usage.key_cert_sign
    assert usage.crl_sign


def test_an_authority_is_kept_and_its_key_is_private(tmp_path: Any) -> None:
    first = Authority(tmp_path).pem
    assert Authority(tmp_path).pem == first
    assert (tmp_path / "ca.key").stat().st_mode & 0o077 == 0
