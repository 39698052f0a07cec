"""Results over several seeds."""

from pathlib import Path

import pytest

from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.services.evaluate import _mean, evaluate
from hpsearch.services.progress import Silent
from hpsearch.services.workspace import Workspace
from hpsearch.tasks.classification import ACCURACY


def test_at_least_one_configuration_is_evaluated(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="top = 0: at least one"):
        evaluate("any", Workspace(home=Home.find(tmp_path)), Silent(), top=0)


def test_the_interval_of_accuracies_ends_where_shares_do() -> None:
    """It was told as 0.7320 to 1.0087."""
    low, high = _mean([0.9, 0.95, 0.7612], ACCURACY.bounds)["interval"]
    assert 0 < low < 0.9
    assert high == 1.0
