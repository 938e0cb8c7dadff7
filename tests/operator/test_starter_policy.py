"""The policy with which an installation begins: made once, when it is first wanted."""

from dataclasses import replace

from cutline.api.settings import StarterPolicy
from cutline_operator.starter_policy import starter_policy
from tests.operator.rotating import World

WANTED = StarterPolicy(True, "production", {"lines": []})


def upgraded(world: World, wanted: StarterPolicy) -> None:
    """The operator of an upgrade with these settings, settled."""
    world.settings = replace(world.settings, starter_policy=wanted)
    world.installation = world.new_operator()
    world.seconds(3)


def policies(world: World) -> list[str]:
    return [tree["metadata"]["name"] for tree in world.objects.all("reversibilitypolicies")]


def test_it_is_made_only_where_it_is_wanted() -> None:
    assert starter_policy(StarterPolicy(False, "production", {})) is None
    tree = starter_policy(WANTED)
    assert tree is not None
    assert (tree["metadata"]["name"], tree["spec"]) == ("production", {"lines": []})


def test_an_upgrade_may_be_the_first_to_want_it() -> None:
    world = World()
    world.until_settled()
    assert (policies(world), world.state["configured"], "starterPolicy" in world.state) == ([], "done", False)
    upgraded(world, WANTED)
    assert (policies(world), world.state["starterPolicy"]) == (["production"], "done")


def test_it_is_made_once_even_if_it_was_not_wanted_for_a_while() -> None:
    world = World()
    upgraded(world, WANTED)
    world.until_settled()
    del world.objects.stored["reversibilitypolicies", "production"]
    for wanted in (StarterPolicy(False, "production", {}), WANTED):
        upgraded(world, wanted)
    assert policies(world) == []
