"""Durations as people write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutline.domain.duration import format_duration, parse_duration
from cutline.domain.errors import BadObject


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("1h30m", 5400), ("1h1m1s", 3661), ("0h5m", 300), ("024h", 86400), ("2h5s", 7205)],
)
def test_reads_what_people_write(text: str, seconds: int) -> None:
    assert parse_duration(text, "f") == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "15",
        "m",
        "-5m",
        "5 m",
        "5M",
        "1.5h",
        "5m1h",
        "1d",
        "5mm",
        "0s",
        "0h0m0s",
        "5m ",
        "\n5m",
        "999999h",
        "\u0665m",
    ],
)
def test_refuses_anything_else_and_names_the_field(text: str) -> None:
    with pytest.raises(BadObject) as refused:
        parse_duration(text, "spec.validFor")
    assert refused.value.field == "spec.validFor"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (-5, "0s"), (0.9, "0s"), (45, "45s"), (60, "1m"), (90, "1m30s"), (3600, "1h"), (5400, "1h30m")],
)
def test_writes_them_as_people_do(seconds: float, text: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == text


def test_of_hours_the_seconds_are_left_out() -> None:
    assert format_duration(timedelta(hours=2, seconds=5)) == "2h"


@given(st.integers(1, 3599) | st.integers(1, 24 * 60).map(lambda minutes: 60 * minutes))
def test_what_was_written_reads_the_same(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration), "f") == duration
