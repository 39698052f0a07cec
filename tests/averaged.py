"""Ensembles that nobody chose, for tests of what is told of them."""

from hpsearch.search.shapes import Ensemble, EnsembleCost, EnsembleMember


def ensemble(
    *members: tuple[int, bool, int, float], gain: float = 0.01, low: float = -0.01
) -> Ensemble:
    """An ensemble of networks of trial 0.

    Args:
        members: of each the trial's number, whether that is a confirmation run, seed and weight.
        gain: over the first of them alone.
        low: the lower end of its interval, which is as far as the upper one.
    """
    known = [
        EnsembleMember(
            of="0" if is_run else str(number),
            trial=number,
            is_run=is_run,
            seed=seed,
            weight=weight,
            value=0.5,
        )
        for number, is_run, seed, weight in members
    ]
    return Ensemble(
        members=known,
        metric="val_accuracy",
        value=0.75,
        single=known[0],
        single_value=0.625,
        gain=gain,
        gain_low=low,
        gain_high=2 * gain - low,
        cost=EnsembleCost(parameters=90, one=0.002, batch=0.03, examples=256),
        single_cost=EnsembleCost(parameters=30, one=0.001, batch=0.01, examples=256),
        device="CPU",
        candidates=8,
        examples=1000,
        most=10,
        bags=20,
        rounds=20,
        seed=1,
        version="0.1.0",
        date="2026-11-30T00:00:00+00:00",
    )
