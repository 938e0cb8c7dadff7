"""Images are found again exactly as long as nothing changes that they are made of."""

import os
import subprocess
from pathlib import Path

import pytest

from cutline_testbed.images import store
from cutline_testbed.images.builder import inputs_of, order_of
from cutline_testbed.images.provenance import NO_TIME, UNKNOWN, provenance_of
from tests.images.trees import commit, make_tree


@pytest.fixture
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return store.store_dir()


def key_of(tree: Path, component: str = "webhook", base: str = "base") -> str:
    return order_of(component, tree, "1.2.3").key(base)


def test_the_key_is_of_the_contents_and_not_of_the_place(tmp_path: Path) -> None:
    assert key_of(make_tree(tmp_path / "here")) == key_of(make_tree(tmp_path / "there"))


@pytest.mark.parametrize(
    "changed",
    [
        "webhook/Dockerfile",
        "requirements/webhook.lock",
        "src/cutline/domain.py",
        "webhook/cutline_webhook/app.py",
        "images/rootfs/tree.py",
    ],
)
def test_the_key_changes_with_each_input(tmp_path: Path, changed: str) -> None:
    tree = make_tree(tmp_path)
    before = key_of(tree)
    (tree / changed).write_text("something else")
    assert key_of(tree) != before


def test_the_key_changes_with_the_base_and_the_name(tmp_path: Path) -> None:
    tree = make_tree(tmp_path)
    assert key_of(tree, base="another") != key_of(tree)
    assert order_of("webhook", tree, "9").key("base") != order_of("webhook", tree, "1").key("base")


@pytest.mark.parametrize("other", ["README.md", "operator/cutline_operator/app.py", "src/cutline/__pycache__/x.pyc"])
def test_the_key_stays_where_nothing_of_the_image_changes(tmp_path: Path, other: str) -> None:
    tree = make_tree(tmp_path)
    before = key_of(tree)
    (tree / other).parent.mkdir(parents=True, exist_ok=True)
    (tree / other).write_text("something else")
    assert key_of(tree) == before


def test_a_later_commit_of_something_else_leaves_the_image_as_it_is(tmp_path: Path) -> None:
    tree = make_tree(tmp_path)
    commit(tree, 1_700_000_000)
    before = provenance_of(tree, inputs_of("webhook"))
    (tree / "README.md").write_text("more words")
    commit(tree, 1_800_000_000)
    assert provenance_of(tree, inputs_of("webhook")) == before
    assert before.epoch == 1_700_000_000
    assert before.revision == first_commit(tree)


def first_commit(tree: Path) -> str:
    run = subprocess.run(
        ["git", "-C", tree, "rev-list", "--max-parents=0", "HEAD"], capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def test_what_is_not_committed_shows_in_the_revision(tmp_path: Path) -> None:
    tree = make_tree(tmp_path)
    commit(tree, 1_700_000_000)
    (tree / "src/cutline/new.py").write_text("pass")
    assert provenance_of(tree, inputs_of("operator")).revision == f"{first_commit(tree)}-modified"


def test_a_tree_without_commits_has_its_version_and_no_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    told = provenance_of(make_tree(tmp_path), inputs_of("webhook"))
    assert (told.version, told.revision, told.epoch) == ("1.2.3", UNKNOWN, NO_TIME)


def test_a_tree_without_a_chart_has_the_version_of_its_distribution(tmp_path: Path) -> None:
    tree = make_tree(tmp_path)
    (tree / "charts/cutline/Chart.yaml").unlink()
    (tree / "pyproject.toml").write_text('[project]\nname = "cutline"\nversion = "0.0.9"\n')
    assert provenance_of(tree, inputs_of("webhook")).version == "0.0.9"


def test_an_entry_is_found_when_it_is_complete_and_not_before(own_store: Path) -> None:
    def write(folder: Path) -> None:
        assert store.find("pause", "k") is None
        (folder / "image.tar").write_text("x")

    entry = store.fill("pause", "k", write)
    assert store.find("pause", "k") == entry
    assert (entry / "image.tar").read_text() == "x"


def test_a_failed_build_leaves_nothing(own_store: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.fill("pause", "k", fail)
    assert store.find("pause", "k") is None
    assert list(own_store.iterdir()) == []


def test_what_a_killed_build_left_is_removed_by_the_next(own_store: Path) -> None:
    (store.new_staging() / "half").write_text("x")
    store.discard_leftovers()
    assert list(own_store.iterdir()) == []


def test_entries_not_used_for_longest_give_way(own_store: Path) -> None:
    for number in range(store.KEPT):
        os.utime(store.fill("webhook", f"k{number}", lambda folder: None), (number, number))
    assert store.find("webhook", "k0") is not None  # which uses it
    store.fill("webhook", "new", lambda folder: None)
    kept = {path.name for path in own_store.iterdir()}
    assert len(kept) == store.KEPT
    assert {"webhook-k0", "webhook-new"} <= kept
    assert "webhook-k1" not in kept
