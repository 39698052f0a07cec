"""What ``hpsearch run`` says before its workers start."""

from pathlib import Path

from hpsearch.cli.run import _typed, reading_time


def test_a_long_study_says_that_it_is_read_first() -> None:
    assert reading_time(0) is None
    assert reading_time(1_000) is None
    said = reading_time(10_000)
    assert said is not None
    assert "10,000 trials" in said
    assert "15 s" in said


def test_the_command_is_what_makes_the_same_search() -> None:
    options = {"--trials": 7, "--timeout": None}
    typed = _typed(Path("/some/where/my file.toml"), options, ["dataset.path=a b"])
    assert " ".join(typed) == ("hpsearch run 'my file.toml' --trials 7 --set 'dataset.path=a b'")
