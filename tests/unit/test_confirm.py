"""The statistics of a confirmation, held against a simulation in which the truth is known."""

import math
import random
import statistics
from collections.abc import Sequence

import pytest
from scipy import stats

from hpsearch.confirm import Candidate, difference, judge, mean_interval, middle


def candidate(name: str, values: Sequence[float], parameters: int = 100) -> Candidate:
    return Candidate(name=name, parameters=parameters, values=dict(enumerate(values)))


def test_the_interval_is_that_of_scipy() -> None:
    values = [0.51, 0.53, 0.50, 0.55, 0.52]
    found = mean_interval(values)
    assert found is not None
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert statistics.fmean(values) in found
    assert found.high + 1e-9 not in found


def test_of_one_value_nothing_is_claimed() -> None:
    one = candidate("1", [0.5])
    assert (one.mean, one.deviation, one.interval) == (0.5, None, None)


def test_the_paired_difference_is_that_of_scipy() -> None:
    first, second = [0.5, 0.6, 0.55], [0.4, 0.58, 0.5]
    expected = stats.ttest_rel(first, second).confidence_interval(0.95)
    for sign in (1.0, -1.0):
        best, other = (
            candidate(name, [sign * value for value in values])
            for name, values in (("a", first), ("b", second))
        )
        found = difference(best, other, maximize=sign > 0)
        assert found is not None
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_only_shared_seeds_are_compared() -> None:
    best = Candidate(name="a", parameters=1, values={1: 0.5, 2: 0.6, 3: 0.7})
    other = Candidate(name="b", parameters=1, values={3: 0.6, 2: 0.55, 9: 0.0})
    found = difference(best, other, maximize=True)
    assert found == mean_interval([0.6 - 0.55, 0.7 - 0.6])
    alone = Candidate(name="c", parameters=1, values={7: 0.1, 3: 0.1})
    assert difference(best, alone, maximize=True) is None


def test_a_clear_winner() -> None:
    verdict = judge(
        [
            candidate("small", [0.40, 0.41, 0.40], 10),
            candidate("best", [0.50, 0.51, 0.51], 1000),
            candidate("middle", [0.45, 0.46, 0.45], 100),
        ],
        maximize=True,
    )
    assert [one.name for one in verdict.ranked] == ["best", "middle", "small"]
    assert [one.name for one in verdict.tied] == ["best"]
    assert verdict.winner.name == "best"


def test_a_tie_goes_to_the_smaller_network() -> None:
    candidates = [
        candidate("large", [0.50, 0.53, 0.49], 1000),
        candidate("small", [0.51, 0.50, 0.48], 10),
        candidate("bad", [0.1, 0.1, 0.12], 1),
    ]
    verdict = judge(candidates, maximize=True)
    assert [one.name for one in verdict.tied] == ["large", "small"]
    assert verdict.winner.name == "small"
    assert verdict.winner != verdict.ranked[0]


def test_where_less_is_better() -> None:
    verdict = judge([candidate("a", [1.0, 1.1]), candidate("b", [0.2, 0.21])], maximize=False)
    assert verdict.winner.name == "b"
    interval = verdict.differences["a"]
    assert interval is not None
    assert interval.low > 0


def test_one_candidate_and_single_seeds() -> None:
    assert judge([candidate("a", [0.5])], maximize=True).winner.name == "a"
    verdict = judge([candidate("a", [0.5], 9), candidate("b", [0.4], 5)], maximize=True)
    assert verdict.winner.name == "b"  # one seed tells nothing apart


CONFIGURATIONS, LEADERS, SEEDS, REPETITIONS = 200, 3, 5, 1000
SPREAD, NOISE = 0.02, 0.008
"""Standard deviations: of the configurations' true accuracies, and of one training around its."""


def searched(chance: random.Random) -> list[tuple[float, float]]:
    """What a search found: each configuration's own figure, and the truth behind it."""
    truths = [chance.gauss(0.5, SPREAD) for _ in range(CONFIGURATIONS)]
    return [(chance.gauss(truth, NOISE), truth) for truth in truths]


def test_confirming_finds_the_best_more_often_than_taking_the_search_at_its_word() -> None:
    chance = random.Random(0)  # noqa: S311  # the same again each time
    taken = confirmed = first = ties = covered = intervals = 0
    too_good = []
    for _ in range(REPETITIONS):
        leaders = sorted(searched(chance), reverse=True)[:LEADERS]
        best = max(range(LEADERS), key=lambda index: leaders[index][1])
        taken += best == 0
        candidates = [
            candidate(str(index), [chance.gauss(truth, NOISE) for _ in range(SEEDS)])
            for index, (_, truth) in enumerate(leaders)
        ]
        verdict = judge(candidates, maximize=True)
        confirmed += str(best) in [one.name for one in verdict.tied]
        first += verdict.ranked[0].name == str(best)
        ties += len(verdict.tied)
        too_good.append(leaders[0][0] - leaders[0][1])
        for one, (_, truth) in zip(candidates, leaders, strict=True):
            assert one.interval is not None
            covered += truth in one.interval
            intervals += 1
    assert taken / REPETITIONS < 0.7
    assert confirmed / REPETITIONS > 0.9
    assert first / REPETITIONS > taken / REPETITIONS + 0.1
    assert ties / REPETITIONS < 2.3  # of three: who ties all of them is always right
    assert covered / intervals == pytest.approx(0.95, abs=0.03)
    # The search's own figure is too good, in the mean by more than half of the noise.
    assert statistics.fmean(too_good) > NOISE / 2


def test_the_best_mean_is_better_than_the_search_s_top_and_a_tie_is_no_worse() -> None:
    """What the mean gains over the search's choice, a tie may spend on a smaller network."""
    chance = random.Random(1)  # noqa: S311  # see above
    gains, smaller = [], []
    for _ in range(REPETITIONS):
        leaders = sorted(searched(chance), reverse=True)[:LEADERS]
        candidates = [
            Candidate(
                name=str(index),
                parameters=chance.randrange(1000),  # has nothing to do with the truth
                values={seed: chance.gauss(truth, NOISE) for seed in range(SEEDS)},
            )
            for index, (_, truth) in enumerate(leaders)
        ]
        verdict = judge(candidates, maximize=True)
        gains.append(leaders[int(verdict.ranked[0].name)][1] - leaders[0][1])
        smaller.append(leaders[int(verdict.winner.name)][1] - leaders[0][1])
    error = statistics.stdev(gains) / math.sqrt(len(gains))
    assert statistics.fmean(gains) > 3 * error
    assert statistics.fmean(smaller) > -3 * error


@pytest.mark.parametrize(("values", "winner"), [([0.1, 0.9], "a"), ([0.9, 1.7], "baseline")])
def test_a_baseline_wins_by_its_mean_and_never_by_a_tie(
    values: Sequence[float], winner: str
) -> None:
    candidates = [candidate("a", [0.6, 0.8], 9), candidate("baseline", values, 5)]
    verdict = judge(candidates, maximize=True, baseline="baseline")
    assert [one.name for one in verdict.tied] == [one.name for one in verdict.ranked]
    assert verdict.winner.name == winner


def test_the_seed_in_the_middle() -> None:
    for maximize in (True, False):
        assert middle({4: 0.1, 5: 0.9, 6: 0.5}, maximize=maximize) == 6
        assert middle({3: 0.5}, maximize=maximize) == 3
        assert middle({9: 0.5, 8: 0.5, 7: 0.5}, maximize=maximize) == 8
        assert middle({4: 0.9, 5: 0.1}, maximize=maximize) == (5 if maximize else 4)


@pytest.mark.parametrize("value", [0.2, 0.9])
def test_what_diverged_with_some_seeds_neither_wins_nor_ties(value: float) -> None:
    whole = candidate("whole", [0.6, 0.61, 0.59], 1000)
    survivor = candidate("survivor", [value], 10)
    verdict = judge([survivor, whole], maximize=True)
    assert [one.name for one in verdict.ranked] == ["whole", "survivor"]
    assert [one.name for one in verdict.tied] == ["whole"]
    assert verdict.winner is whole
    assert judge([survivor], maximize=True).winner is survivor
