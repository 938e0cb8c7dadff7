"""Whether a DELETE's body makes it a dry run: when in doubt, it does not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutline_cli.rehearsal.delete_options import Unreadable, is_dry_run

_JSON = "application/json"
_PROTOBUF = "application/vnd.kubernetes.protobuf"


def field(number: int, value: bytes) -> bytes:
    """A length-delimited protobuf field, short enough for lengths of one byte."""
    assert len(value) < 128
    return bytes([number << 3 | 2, len(value)]) + value


def envelope(options: bytes) -> bytes:
    """`runtime.Unknown` around DeleteOptions, as kubectl sends it since 1.32."""
    meta = field(1, b"v1") + field(2, b"DeleteOptions")
    return b"k8s\x00" + field(1, meta) + field(2, options) + field(3, b"") + field(4, b"")


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"dryRun": ["All"]}, True),
        ({"propagationPolicy": "Background", "dryRun": ["All"], "gracePeriodSeconds": 0}, True),
        ({"propagationPolicy": "Background"}, False),
        ({"dryRun": []}, False),
        ({"dryRun": "All"}, False),
        ({"dryRun": ["all"]}, False),
        ({"dryRun": ["All", "None"]}, False),
        ({"dryrun": ["All"]}, False),
        ({}, False),
    ],
)
def test_json_options(tree: dict[str, object], expected: bool) -> None:
    assert is_dry_run(json.dumps(tree).encode(), f"{_JSON}; charset=utf-8") is expected


@pytest.mark.parametrize(
    "body",
    [
        b'{"dryRun":["All"],"dryRun":[]}',
        b'{"dryRun":["All"],"DryRun":[]}',
        b'[{"dryRun":["All"]}]',
        b'{"dryRun":["All"]',
        b"\xff\xfe",
    ],
)
def test_ambiguous_json_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        is_dry_run(body, _JSON)


def test_protobuf_options() -> None:
    grace = bytes([1 << 3, 0])
    assert is_dry_run(envelope(grace + field(4, b"Background") + field(5, b"All")), _PROTOBUF)
    assert not is_dry_run(envelope(grace + field(4, b"Background")), _PROTOBUF)
    assert not is_dry_run(envelope(field(5, b"All") + field(5, b"Other")), _PROTOBUF)
    # The word in another field is not the word.
    assert not is_dry_run(envelope(field(4, b"All")), _PROTOBUF)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"k8s\x00",
        envelope(field(5, b"All"))[4:],
        envelope(field(5, b"All")) + field(2, b""),
        b"k8s\x00" + field(2, field(5, b"All")) + field(3, b"gzip"),
        b"k8s\x00" + field(2, field(5, b"All"))[:-1],
    ],
)
def test_unusual_protobuf_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        is_dry_run(body, _PROTOBUF)


@pytest.mark.parametrize("content_type", ["", "application/yaml", "application/cbor", "text/plain"])
def test_other_forms_are_unreadable(content_type: str) -> None:
    with pytest.raises(Unreadable):
        is_dry_run(b'{"dryRun":["All"]}', content_type)


@given(st.binary(max_size=200), st.sampled_from([_JSON, _PROTOBUF]))
def test_no_bytes_are_a_dry_run_without_saying_so(body: bytes, content_type: str) -> None:
    for candidate in (body, b"k8s\x00" + body):
        try:
            verdict = is_dry_run(candidate, content_type)
        except Unreadable:
            continue
        assert not verdict or b"All" in candidate
