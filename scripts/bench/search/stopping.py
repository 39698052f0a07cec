"""Replays what ends trials, and what the end of the time goes to, over recorded trainings.

    .venv/bin/python scripts/bench/search/stopping.py [--orders 200]

Needs results/portfolio.jsonl, search-curves.csv and effects-grid.csv; nothing is trained. Each
replay is a search by two workers with the recorded seconds: the trainings of a set in a random
order, or the preset's portfolio first and then the rest. All rules get the same orders and the same
budgets, shares of the time that all trials need. A regret is as in portfolio/regrets.py: 0 the best
training of the set, 1 the median one, 2 at most; "seen" is of the best complete trial's validation
value at the end of the time, "chosen" of what its configuration is worth (all folds and test
examples; on the grids the mean of five seeds), "counted" is as seen where the trials that the end
cuts off count with their best epoch. Families of sets count the same. What a replay cannot show:
that a sampler learns less from trials that were cut off. Results: results/stopping.csv and
stopping.md.
"""

import argparse
import csv
import multiprocessing
import random
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from compared import Rule, rules
from judged import TOLD, report
from pools import Pool, pools
from replayed import Replay, Stood, replay

from regrets import MOST  # isort: skip  # of the portfolios' folder
from record import RESULTS  # isort: skip  # found once pools is imported

BUDGETS = (1 / 8, 1 / 4, 1 / 2, 1.0)
"""Of the time that all trials of a search need."""
MEASURES = ("seen", "chosen", "counted")
ORDERS = ("random", "portfolio first")
Values = npt.NDArray[np.float64]


def replays(job: tuple[Pool, int]) -> dict[str, tuple[Values, float]]:
    """All rules on a pool: of each the regrets, shape (orders, budgets, measures), and its time.

    The time is the share that workers were busy where the search ends by itself.
    """
    pool, count = job
    found: dict[str, tuple[Values, float]] = {}
    orders = list(_orders(pool, count))
    for rule in rules():
        regrets, busy = zip(*(_replayed(rule, pool, order) for order in orders), strict=True)
        found[rule.name] = np.array(regrets), float(np.mean(busy))
    return found


def _orders(pool: Pool, count: int) -> Iterator[list[int]]:
    """The trainings of each replay; with a portfolio first in the second half, where it has one."""
    numbers = range(len(pool.trainings))
    for seed in range(count):
        order = random.Random(seed).sample(numbers, pool.drawn)  # noqa: S311  # to be the same again
        if seed >= count // 2:
            order = [*pool.portfolio, *(one for one in order if one not in pool.portfolio)]
        yield order


def _replayed(rule: Rule, pool: Pool, order: Sequence[int]) -> tuple[Values, float]:
    """The regrets of one order at all budgets, shape (budgets, measures), and its time."""
    trainings = [pool.trainings[one] for one in order]
    whole = sum(len(one.errors) * one.seconds for one in trainings)
    moments = [share * whole / 2 for share in BUDGETS]
    patience = pool.patience if rule.patience == 0 else rule.patience

    def run(until: Sequence[float]) -> Replay:
        return replay(trainings, rule.steering(), rule.pruner, patience, until)

    if rule.is_timed:
        each = [run([moment]) for moment in moments]
        stood, last = [one.stood[0] for one in each], each[-1]
    else:
        # Two workers with unequal last trials need more than half of the whole time.
        last = run([*moments, 2 * whole])
        stood = list(last.stood[: len(moments)])
    return np.array([_regrets(pool, one) for one in stood]), last.seconds / whole


def _regrets(pool: Pool, stood: Stood) -> tuple[float, float, float]:
    best = stood.complete
    return (
        pool.seen(best.best) if best else MOST,
        pool.chosen(best.training) if best else MOST,
        pool.seen(stood.counted),
    )


def measure(count: int) -> None:
    """Replay all rules on all pools, and write the means of each pool's orders."""
    found = pools()
    names = ["rule", "kind", "pool", "family", "order", "busy", *_columns()]
    with (
        (RESULTS / "stopping.csv").open("w", encoding="utf-8", newline="") as file,
        multiprocessing.get_context("spawn").Pool(2) as workers,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        for pool, of_rules in zip(
            found, workers.imap(replays, [(one, count) for one in found]), strict=True
        ):
            print(pool.kind, pool.name, flush=True)
            for rule, (regrets, busy) in of_rules.items():
                halves = np.split(regrets, 2) if pool.portfolio else [regrets]
                for order, half in zip(ORDERS, halves, strict=False):
                    values = half.mean(axis=0).T.ravel()
                    cells = [f"{one:.3f}" for one in (busy, *values)]
                    writer.writerow([rule, pool.kind, pool.name, pool.family, order, *cells])


def _columns() -> list[str]:
    return [f"{measure} at {told}" for measure in MEASURES for told in TOLD]


def main() -> None:
    """Replay and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, default=40, help="of each set")
    orders = parser.parse_args().orders
    if orders < 2 or orders % 2:
        parser.error("--orders: an even number from 2, half of them with the portfolio first")
    measure(orders)
    text = report(orders)
    (RESULTS / "stopping.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
