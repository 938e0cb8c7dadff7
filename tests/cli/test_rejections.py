"""Which earlier rejections are about the same thing."""

from cutline.domain.difference import Field
from cutline.domain.effect import Effect
from cutline.domain.signoff import Decision
from cutline.domain.target import Target
from cutline_cli.rejections import rejected_before
from tests.cli.samples import ALICE, SAM, entry, proposal, signoff, update

_ZDB = entry(update(Field("/spec/replicas", 3, 0), name="zdb"), Effect.SCALE_DOWN)
_THIS = proposal("again")
_OTHER = proposal("fewer", uid="p-2")
_NO = signoff(ALICE, Decision.REJECT, proposal_uid="p-2")


def test_a_standing_rejection_of_the_same_target_is_found() -> None:
    (found,) = rejected_before(_THIS, (_THIS, _OTHER), (_NO, signoff(SAM, proposal_uid="p-2")))
    assert (found.proposal, found.by, found.at) == ("fewer", "alice", _NO.created)


def test_one_that_was_withdrawn_is_not() -> None:
    assert not rejected_before(_THIS, (_OTHER,), (_NO, signoff(ALICE, minutes=2, proposal_uid="p-2")))


def test_the_proposals_own_rejections_are_no_earlier_ones() -> None:
    assert not rejected_before(_THIS, (_THIS,), (signoff(ALICE, Decision.REJECT),))


def test_another_object_is_another_matter() -> None:
    other = proposal("fewer", uid="p-2", target=Target("apps", "Deployment", "", "zdb", ""), changes=(_ZDB,))
    assert not rejected_before(_THIS, (other,), (_NO,))


def test_a_second_target_counts_as_much_as_the_first() -> None:
    other = proposal("fewer", uid="p-2", target=Target("apps", "Deployment", "", "zdb", ""), changes=(_ZDB,))
    both = proposal("both", changes=(*_THIS.changes, _ZDB))
    assert rejected_before(both, (other,), (_NO,))
