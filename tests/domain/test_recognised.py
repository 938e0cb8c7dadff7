"""What a policy names that nothing is recognised of yet."""

from cutline.domain.effect import Action
from cutline.domain.recognised import ACTIONS, gates_nothing, unrecognised
from tests import builders as make

LATER = frozenset({Action.CUT_TRAFFIC, Action.DISABLE_FEATURE, Action.DELETE})


def test_what_is_left_is_what_the_gate_knows() -> None:
    assert frozenset(Action) - ACTIONS == LATER


def test_a_line_that_names_all_actions_is_no_matter() -> None:
    assert unrecognised(make.make_policy()) == ()
    assert not gates_nothing(make.make_policy())


def test_a_line_of_which_nothing_is_recognised_is_named() -> None:
    policy = make.make_policy(make.make_line("traffic", LATER), make.make_line("rest", {Action.DRAIN, Action.DELETE}))
    (text,) = unrecognised(policy)
    assert text.startswith("CutTraffic, Delete, DisableFeature not recognised")
    assert text.endswith("so such changes pass (line traffic)")
    assert not gates_nothing(policy)
    assert gates_nothing(make.make_policy(make.make_line("traffic", LATER)))


def test_kinds_of_the_cluster_are_named_if_none_is_recognised() -> None:
    assert unrecognised(make.make_policy(cluster=["Nodes", "PersistentVolumes"])) == ()
    policy = make.make_policy(cluster=["PersistentVolumes", "Namespaces"])
    (text,) = unrecognised(policy)
    assert text.startswith("where.cluster: no change of Namespaces, PersistentVolumes recognised")
    assert not gates_nothing(policy)
    assert gates_nothing(make.make_policy(cluster=["PersistentVolumes"], namespaces=None))
