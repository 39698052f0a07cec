"""What is told of an ensemble."""

import re

import pytest
from averaged import ensemble

from hpsearch.cli.ensemble import print_ensemble
from hpsearch.cli.show import _ensemble
from hpsearch.search.ensemble import plain
from hpsearch.services.ensemble import Ensembled
from hpsearch.tasks.classification import ACCURACY


def shown(capsys: pytest.CaptureFixture[str], low: float) -> str:
    chosen = ensemble((3, False, 7, 0.75), (1, True, 8, 0.25), gain=0.01, low=low)
    print_ensemble(Ensembled(study="mine", metric=ACCURACY, ensemble=chosen), "takes it")
    return re.sub(r"\s+", " ", capsys.readouterr().out)


def test_gain_and_cost_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, low=0.0025)
    assert "Ensemble of 2 of 8 trained networks" in text
    assert "trial 3 7 0.750 0.5000 trial 0 (run 1) 8 0.250 0.5000" in text
    assert (
        "Gain over the best alone: +1.00 points (95 % interval +0.25 to +1.75 points, paired"
        in text
    )
    assert "The table has what trials were judged by: of folds their mean." in text
    assert "noise" not in text
    assert "Parameters: 90 against 30 (3.0 x)" in text
    assert "2.00 ms for one example, 30.00 ms for 256; of the best alone 1.00 ms" in text
    assert text.endswith("takes it ")


def test_a_gain_within_noise_is_told_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, low=-0.01)
    assert "(95 % interval -1.00 to +3.00 points, paired" in text
    assert "That is within noise: trial 3 alone may do as well." in text


def test_show_names_the_members() -> None:
    few = plain(ensemble((3, False, 7, 0.75), (1, True, 8, 0.25), low=0.001))
    assert _ensemble(few) == "2 networks, +1.00 points against trial 3: trial 3 and trial 0 (run 1)"
    many = plain(ensemble(*((number, False, 1, 0.05) for number in range(12))))
    assert _ensemble(many).startswith("12 networks, +1.00 points against trial 0, within noise: ")
    assert _ensemble(many).endswith("trial 8 and trial 9 and 2 more")
