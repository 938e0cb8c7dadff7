"""The clock difference that `Date` headers prove."""

from email.utils import formatdate

from hypothesis import given
from hypothesis import strategies as st

from cutline.kube.skew import ClockSkew

EPOCH = 1_800_000_000.0


def observe(clocks: ClockSkew, server_time: float, skew: float, there: float, back: float) -> None:
    """One exchange in which the server answers at `server_time`."""
    date = formatdate(int(server_time), usegmt=True)
    clocks.observe(date, server_time + skew - there, there + back, server_time)


@given(
    skew=st.floats(-100, 100),
    exchanges=st.lists(st.tuples(st.floats(0, 3), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20),
)
def test_never_more_is_reported_than_is_true(skew: float, exchanges: list[tuple[float, float, float]]) -> None:
    clocks = ClockSkew()
    server_time = EPOCH
    for pause, there, back in exchanges:
        server_time += pause
        observe(clocks, server_time, skew, there, back)
    reported = clocks.seconds(server_time)
    assert reported is not None
    assert abs(reported) <= abs(skew) + 1e-4
    assert reported * skew >= 0
    # One answer is off by its second and its round trip at most; more can only narrow that.
    assert abs(skew) - abs(reported) <= 3 + 1e-4


def test_answers_narrow_the_difference_below_a_second() -> None:
    clocks = ClockSkew()
    for tenth in range(20):
        observe(clocks, EPOCH + tenth / 10, 2.5, 0.001, 0.001)
    reported = clocks.seconds(EPOCH + 2)
    assert reported is not None
    assert 2.3 < reported <= 2.5


def test_a_clock_that_was_set_is_believed_at_once() -> None:
    clocks = ClockSkew()
    observe(clocks, EPOCH, 0, 0.001, 0.001)
    observe(clocks, EPOCH + 1, 60, 0.001, 0.001)
    reported = clocks.seconds(EPOCH + 1)
    assert reported is not None
    assert reported > 58
    observe(clocks, EPOCH + 2, 0, 0.001, 0.001)
    assert clocks.seconds(EPOCH + 2) == 0


def test_nothing_is_known_without_a_recent_answer() -> None:
    clocks = ClockSkew()
    assert clocks.seconds(EPOCH) is None
    for header in (None, "", "yesterday"):
        clocks.observe(header, EPOCH, 0.1, EPOCH)
    assert clocks.seconds(EPOCH) is None
    observe(clocks, EPOCH, 5, 0, 0)
    assert clocks.seconds(EPOCH + 600) is None
