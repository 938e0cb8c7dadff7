"""What Go prints becomes a truthful sentence and a fraction."""

from cutline_testbed.go_progress import CompileProgress, DownloadProgress, count_required

GO_MOD = """module example

go 1.26.0

tool (
	example.com/program
)

require example.com/alone v1.0.0

require (
	example.com/one v1.2.3
	// a remark
	example.com/two v0.0.0 // indirect
)

replace (
	example.com/one => example.com/one v1.2.4
)
"""


def test_counts_required_modules_and_nothing_else() -> None:
    assert count_required(GO_MOD) == 3


def test_downloads_are_counted_and_named() -> None:
    progress = DownloadProgress(modules=4)
    assert progress.describe()[1] is None
    assert progress.take("go: downloading example.com/one v1.2.3")
    assert not progress.take("example.com/one")
    text, fraction = progress.describe()
    assert "1 of at most 4" in text
    assert "example.com/one v1.2.3" in text
    assert fraction == 0.25


def test_more_downloads_than_expected_do_not_overflow_the_bar() -> None:
    progress = DownloadProgress(modules=1)
    for number in range(3):
        progress.take(f"go: downloading example.com/m{number} v1.0.0")
    assert progress.describe()[1] == 1.0


def test_only_known_packages_count_as_compiled_and_each_once() -> None:
    progress = CompileProgress(frozenset({"fmt", "io", "net/http", "os"}), programs=2)
    assert progress.take("fmt")
    assert progress.take("fmt\n")
    assert not progress.take("# example.com/broken")
    text, fraction = progress.describe()
    assert "compiled 1 of at most 4 packages" in text
    assert fraction is not None
    assert 0 < fraction < 0.5


def test_linked_programs_complete_the_bar_even_when_nothing_was_compiled() -> None:
    progress = CompileProgress(frozenset({"fmt"}), programs=2, linked=2)
    text, fraction = progress.describe()
    assert "linked 2 of 2 programs" in text
    assert fraction == 1.0
