"""What ``hpsearch run`` says before its workers start."""

from hpsearch.cli.run import reading_time


def test_a_long_study_says_that_it_is_read_first() -> None:
    assert reading_time(0) is None
    assert reading_time(1_000) is None
    said = reading_time(10_000)
    assert said is not None
    assert "10,000 trials" in said
    assert "15 s" in said
