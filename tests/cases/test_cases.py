"""The gate says to every recorded case what stands in its `verdict.yaml`.

Where a verdict changes because the gate does: `python -m tests.cases.record --decide-anew` writes the
new one, and the difference is for people to read.
"""

from operator import attrgetter

import pytest

from cutline.api.users import user_from_user_info
from cutline.domain.exempt import is_part_of_kubernetes
from tests.cases.case import Case, Ends, load_cases
from tests.cases.deciding import decided, with_rules_for

CASES = load_cases()
each_case = pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))


def test_there_are_cases() -> None:
    assert len(CASES) > 30


@each_case
def test_the_gate_decides_as_recorded(case: Case) -> None:
    assert decided(case) == case.decides


@each_case
def test_who_is_asked_still_has_a_rule_for_it(case: Case) -> None:
    assert set(case.asked_by) <= with_rules_for(case.request)


@each_case
def test_what_passes_although_it_ends_something_says_why(case: Case) -> None:
    """Controllers and kubelets carry out what somebody else ordered, in another case."""
    ends = case.observed.ends is not Ends.NOTHING
    passes = case.decides["response"] != "Deny" and case.decides["reason"] != "Covered"
    sender = user_from_user_info(case.request["userInfo"])
    assert bool(case.open_) == (ends and passes and not is_part_of_kubernetes(sender))


@each_case
def test_nothing_of_the_machine_it_was_recorded_on_is_in_it(case: Case) -> None:
    text = str(case.review) + str(case.target)
    for trace in ("managedFields", "/root", "/work", "/tmp", "machineID", "bootID", "kernelVersion", "last-applied"):  # noqa: S108 names, no files
        assert trace not in text
