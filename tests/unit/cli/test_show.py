"""What show says of the effects of choices."""

import pytest

from hpsearch.cli.show import _print_learnt
from hpsearch.effect import Effect, Learnt, Untold
from hpsearch.tasks.classification import ACCURACY


def effect(name: str, gain: float, half: float) -> Effect:
    return Effect(
        name=name, level="relu", against="gelu", gain=gain, low=gain - half, high=gain + half,
        trials=12, others=30,
    )  # fmt: skip


def test_clear_effects_come_first_and_the_others_are_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    learnt = Learnt(
        effects=[effect("a", 0.008, 0.005), effect("b", 0.02, 0.03), effect("c", -0.01, 0.002)],
        untold=[Untold(name="batch_norm", level="true", trials=2, of=19)],
        trials=42,
    )
    _print_learnt(learnt, ACCURACY)
    assert capsys.readouterr().out.splitlines() == [
        "learnt    c relu against gelu: −1.00 ± 0.20 points",
        "          a relu against gelu: +0.80 ± 0.50 points",
        "          1 other parameter: cannot be told",
        "          batch_norm true: cannot be told, 2 of 19 trials have it",
    ]


def test_where_nothing_is_known_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    _print_learnt(Learnt(), ACCURACY)
    assert capsys.readouterr().out == ""
