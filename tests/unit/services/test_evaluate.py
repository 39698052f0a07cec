"""Results over several seeds."""

from hpsearch.services.evaluate import _mean


def test_the_interval_of_accuracies_ends_where_shares_do() -> None:
    """It was told as 0.7320 to 1.0087."""
    low, high = _mean([0.9, 0.95, 0.7612])["interval"]
    assert 0 < low < 0.9
    assert high == 1.0
