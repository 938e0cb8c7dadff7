"""Progress in a log: regular lines, no terminal codes, no flood."""

import io

import pytest

from cutline_testbed.report import Report, bar, elapsed_text


@pytest.mark.parametrize(
    ("fraction", "drawn"), [(0.0, "[....]"), (0.5, "[##..]"), (1.0, "[####]"), (7.0, "[####]"), (-1.0, "[....]")]
)
def test_bars_never_leave_their_frame(fraction: float, drawn: str) -> None:
    assert bar(fraction, width=4) == drawn


@pytest.mark.parametrize(("seconds", "text"), [(0.9, "0s"), (59.0, "59s"), (60.0, "1m00s"), (185.4, "3m05s")])
def test_elapsed_time_reads_as_people_say_it(seconds: float, text: str) -> None:
    assert elapsed_text(seconds) == text


def test_a_log_gets_the_first_line_at_once_and_then_few() -> None:
    stream = io.StringIO()
    report = Report(stream)
    for number in range(100):
        report.progress(f"step {number}", number / 100)
    report.say("done")
    assert stream.getvalue().splitlines() == ["  [........................] step 0", "done"]
