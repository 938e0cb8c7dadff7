"""Reading wire objects field by field, and the installation's settings."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from cutline.api.fields import Fields
from cutline.api.settings import load_settings
from cutline.api.users import stamp_of, user_from_stamp, user_from_user_info
from cutline.domain.effect import Action
from cutline.domain.errors import BadObject
from cutline.domain.exempt import BUILT_IN
from cutline.domain.user import User
from tests import builders as make


@pytest.mark.parametrize(
    "read",
    [
        lambda fields: fields.text("a"),
        lambda fields: fields.integer("a"),
        lambda fields: fields.time("a"),
        lambda fields: fields.enum("a", Action),
        lambda fields: fields.child("b").text("a"),
    ],
)
def test_what_must_be_there_is_missed_by_name(read: Callable[[Fields], Any]) -> None:
    with pytest.raises(BadObject, match="a: is missing"):
        read(Fields({"a": None, "b": {}}))


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (lambda f: f.text("a"), 1),
        (lambda f: f.integer("a"), "1"),
        (lambda f: f.integer("a"), True),
        (lambda f: f.integer("a"), 1.0),
        (lambda f: f.truth("a"), "true"),
        (lambda f: f.truth("a"), 1),
        (lambda f: f.texts("a"), "x"),
        (lambda f: f.texts("a"), [1]),
        (lambda f: f.text_map("a"), [1]),
        (lambda f: f.text_map("a"), {"x": 1}),
        (lambda f: f.child("a"), "x"),
        (lambda f: f.children("a"), {"x": 1}),
        (lambda f: f.children("a"), ["x"]),
        (lambda f: f.enum("a", Action), "restart"),
        (lambda f: f.enums("a", Action), ["Restart", "Reboot"]),
        (lambda f: f.time("a"), "yesterday"),
        (lambda f: f.time("a"), "2026-03-01T12:00:00"),
    ],
)
def test_what_is_of_another_type_is_refused_by_name(read: Callable[[Fields], Any], value: Any) -> None:
    with pytest.raises(BadObject) as refused:
        read(Fields({"a": value}, "spec"))
    assert refused.value.field.startswith("spec.a")


# Read as an empty map it would be a selector of everything.
@pytest.mark.parametrize("value", [[], "", 0, False])
def test_a_map_that_is_none_is_refused_even_if_it_is_empty(value: Any) -> None:
    with pytest.raises(BadObject):
        Fields({"a": value}).text_map("a")


def test_defaults_are_for_what_is_absent_only() -> None:
    fields = Fields({"empty": "", "zero": 0})
    assert fields.text("empty", "x") == ""
    assert fields.integer("zero", 7) == 0
    assert fields.text("absent", "x") == "x"
    assert fields.children("absent") == ()
    assert fields.texts("absent") == ()
    assert "zero" in fields
    assert "absent" not in fields


def test_a_moment_keeps_its_time_zone() -> None:
    assert Fields({"t": "2026-03-01T12:00:00Z"}).time("t") == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert Fields({"t": "2026-03-01T13:00:00+01:00"}).time("t") == datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("user", [make.AGENT, make.ALICE, User("x"), User("x", "u", ("g", "h"), "c")])
def test_a_stamp_names_the_sender_and_reads_back(user: User) -> None:
    assert user_from_stamp(Fields(stamp_of(user))) == user


@pytest.mark.parametrize("tree", ["alice", [1], {"username": 7}, {"username": "a", "uid": 7}])
def test_a_sender_that_is_no_user_is_refused(tree: Any) -> None:
    with pytest.raises(BadObject):
        user_from_user_info(tree)


def settings_text(**changes: Any) -> str:
    tree = {
        "namespace": "cutline-system",
        "webhookServiceAccount": "cutline-webhook",
        "operatorServiceAccount": "cutline-operator",
        "humans": {"userGroups": ["sre"]},
        "owner": {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "name": "cutline"},
        **changes,
    }
    return yaml.safe_dump(tree)


def test_settings_know_our_own_accounts() -> None:
    settings = load_settings(settings_text())
    assert settings.webhook_user == "system:serviceaccount:cutline-system:cutline-webhook"
    assert settings.operator_user == "system:serviceaccount:cutline-system:cutline-operator"
    assert settings.humans.accepts(make.ALICE)
    assert settings.exempt == BUILT_IN
    assert settings.retention.finished_proposals == timedelta(days=7)


def test_an_installation_may_add_identities_but_takes_none_away() -> None:
    row = {
        "username": "keda",
        "operation": "UPDATE",
        "group": "apps",
        "resource": "deployments",
        "subresource": "scale",
    }
    exempt = load_settings(settings_text(exempt=[row])).exempt
    assert exempt[: len(BUILT_IN)] == BUILT_IN
    assert (exempt[-1].username, exempt[-1].subresource) == ("keda", "scale")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"namespace": None}, "namespace"),
        ({"webhookServiceAccount": 7}, "webhookServiceAccount"),
        ({"humans": {"userGroups": "sre"}}, "humans.userGroups"),
        ({"exempt": [{"username": "x", "operation": "PATCH", "resource": "pods"}]}, "exempt[0].operation"),
        ({"exempt": [{"username": "x", "operation": "CONNECT", "resource": "pods"}]}, "exempt[0].operation"),
        ({"exempt": [{"username": "x", "operation": "DELETE"}]}, "exempt[0].resource"),
        ({"retention": {"finishedProposals": "soon"}}, "retention.finishedProposals"),
        ({"owner": {}}, "owner.apiVersion"),
        ({"webhook": {"service": {"port": "443"}}}, "webhook.service.port"),
    ],
)
def test_settings_that_cannot_be_meant_name_their_key(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(BadObject) as refused:
        load_settings(settings_text(**changes))
    assert refused.value.field == field


def test_who_replaces_a_certificate_when_is_known_of_cert_manager_alone() -> None:
    def renew_before(**certificates: str) -> timedelta | None:
        return load_settings(
            settings_text(certificates={"renewBefore": "360h", **certificates})
        ).certificates.renew_before

    assert renew_before(**{"from": "CertManager", "secretName": "issued"}) == timedelta(days=15)
    assert renew_before(**{"from": "Secret", "secretName": "mine"}) is None
    assert renew_before() is None


@pytest.mark.parametrize("text", ["", "[]", "just text", "a: [", "\tx: 1"])
def test_what_are_no_settings_is_refused(text: str) -> None:
    with pytest.raises(BadObject):
        load_settings(text)
