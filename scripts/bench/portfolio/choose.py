"""Chooses portfolios from the record, and judges them on sets that they were not chosen on.

    .venv/bin/python scripts/bench/portfolio/choose.py [--most 12]

A portfolio is an ordered list of candidates. Each next one is that which, tried behind those before
it, leaves the least mean regret of the best (auto-sklearn 2: Feurer et al. 2022; TabRepo: Salinas &
Erickson 2024). Regrets are those of regrets.py, of validation and test examples together, and all
families of sets count the same. It is judged with each family left out: a portfolio is chosen
without it, and the regret of the best of its first k is told, once of that which is the best by all
examples, once as a search has it, which knows the validation examples alone. Results:
results/portfolio.md, and results/portfolio-KIND.toml with the configurations.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from candidates import KINDS, Candidate, read
from fits import fits
from recording import FILE, lines
from regrets import Errors, Recorded, recorded, regrets, weights

from hpsearch.config import describe, flat

from record import RESULTS, machine  # isort: skip  # found once candidates is imported

AFTER = (1, 2, 4, 8)
"""Trials after which portfolios are judged."""
ORDERS = 500
"""Random ones that a portfolio is compared with."""
OWN = 0.1
"""What a candidate's own regret counts beside that of the best. On few sets the best of some
candidates is soon perfect: which one is next is told by how good it is by itself."""


def greedy(regret: Errors, weight: npt.NDArray[np.float64], most: int) -> list[int]:
    """The order in which candidates are tried.

    Args:
        regret: shape (sets, candidates).
        weight: of the sets, shape (sets,).
        most: candidates, at most.
    """
    order: list[int] = []
    reached = np.full((len(regret), 1), np.inf)
    own = weight @ regret
    for _ in range(min(most, regret.shape[1])):
        left = weight @ np.minimum(reached, regret) + OWN * own
        left[order] = np.inf
        order.append(int(np.argmin(left)))
        reached = np.minimum(reached, regret[:, order[-1:]])
    return order


def of_first(order: Sequence[int], validated: Errors, regret: Errors, count: int) -> Errors:
    """The regret, on each set, of the best by validation among the first of an order.

    Args:
        order: of candidates.
        validated: errors of validation examples, shape (sets, candidates).
        regret: of test examples, shape (sets, candidates).
        count: how many are tried.
    """
    tried = np.array(order[:count])
    taken = tried[np.argmin(validated[:, tried], axis=1)]
    return np.asarray(regret[np.arange(len(regret)), taken])


def judged(
    table: Recorded, guesses: Sequence[int], most: int, chosen_by: Errors, errors: Errors
) -> dict[str, Errors]:
    """By the way of ordering the mean regrets of the families, shape (families, after).

    Args:
        table: of a kind.
        guesses: which of its candidates are guesses.
        most: candidates of a portfolio, at most.
        chosen_by: the errors by which the best of the first is taken, shape (sets, candidates).
        errors: those whose regret is told, of the same shape.
    """
    known, told = regrets(table.pooled), regrets(errors)
    count = len(table.candidates)
    random = np.random.default_rng(0)
    shuffled = [list(random.permutation(count)) for _ in range(ORDERS)]
    of_space = [[one for one in order if one not in guesses] for order in shuffled]
    found: dict[str, list[Errors]] = {}
    for family in dict.fromkeys(table.families):
        is_out = np.array([one == family for one in table.families])
        rest = [one for one in table.families if one != family]
        order = greedy(known[~is_out], weights(rest), most)
        ways = {
            "portfolio": [order],
            "best single default": [order[:1]],
            "guesses as they were written": [list(guesses)],
            "random": shuffled,
        }
        if count > len(guesses):
            ways["random, without the guesses"] = of_space
        for name, orders in ways.items():
            each = [
                [of_first(one, chosen_by[is_out], told[is_out], k).mean() for k in AFTER]
                for one in orders
            ]
            found.setdefault(name, []).append(np.mean(each, axis=0))
    return {name: np.array(values) for name, values in found.items()}


def report(table: Recorded, known: Mapping[tuple[str, int], Candidate], order: list[int]) -> str:
    """What came of a kind: the judgement, the portfolio, what fits the data."""
    candidates = [known[table.kind, number] for number in table.candidates]
    guesses = [place for place, one in enumerate(candidates) if one.is_guess]
    families = len(set(table.families))
    title = f"{len(candidates)} candidates on {len(table.sets)} sets of {families} families"
    lines = [
        f"## {table.kind}: {title}",
        "",
        "Regret on a family that is left out (0: best, 1: median), of the best by all examples:",
        "",
        *_judgement(judged(table, guesses, len(order), table.pooled, table.pooled)),
        "",
        "The same by test examples alone, of the best by validation examples:",
        "",
        *_judgement(judged(table, guesses, len(order), table.validated, table.tested)),
        "",
        *_list(table, candidates, order),
        "",
        *fits(table, [one.config for one in candidates]),
    ]
    return "\n".join(lines)


def _judgement(found: Mapping[str, Errors]) -> list[str]:
    """The means over families, and in how many the portfolio is as good as random orders."""
    ahead = (found["portfolio"] <= found["random"]).sum(axis=0)
    rows = [[name, *(f"{one:.2f}" for one in found[name].mean(axis=0))] for name in found]
    count = len(found["portfolio"])
    rows.append(
        ["families in which it is not behind random", *(f"{one} of {count}" for one in ahead)]
    )
    head = ["", *(f"after {one}" for one in AFTER)]
    return _rows([head, ["---"] * len(head), *rows])


def _list(table: Recorded, candidates: Sequence[Candidate], order: list[int]) -> list[str]:
    """The portfolio that is chosen on all families."""
    regret, weight = regrets(table.pooled), weights(table.families)
    text = ["Chosen on all families; with the regret of each alone, and of the best so far:", ""]
    for place, index in enumerate(order, start=1):
        one, alone = candidates[index], weight @ regret[:, index]
        reached = weight @ regret[:, order[:place]].min(axis=1)
        what = f"{describe(one.config)} (candidate {one.number})"
        text.append(f"{place}. {what}: {alone:.2f}, {reached:.2f}")
    return text


def _rows(cells: Sequence[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in cells]


def entry(candidate: Candidate, about: str) -> str:
    """A ``[[portfolio]]`` table with all that makes the configuration."""
    table = flat(candidate.config)
    network = table.get("network", table)
    for name in ("units", "dropout", "filters", "convs", "kernel", "dense_dropout"):
        values = network.get(name)
        if values and len(set(values)) == 1:
            network[name] = values[0]
    if not candidate.config.augment.is_on:
        table.pop("augment")
    if candidate.kind != "tables":
        network.pop("numeric_embedding", None)
    if network.get("numeric_embedding") != "periodic":
        network.pop("embedding_sigma", None)
    usual = {"beta_1", "beta_2", "epsilon", "amsgrad"}
    table["optimizer"] = {k: v for k, v in table["optimizer"].items() if k not in usual}
    rows = [f"{key} = {written(value)}" for key, value in table.items()]
    return "\n".join([f"[[portfolio]] # {about}", *rows]) + "\n"


def written(value: Any) -> str:
    """A value as TOML has it, on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {written(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(written(one) for one in value) + "]"
    return json.dumps(value)


def main() -> None:
    """Choose, judge and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--most", type=int, default=12, help="candidates of a portfolio")
    options = parser.parse_args()
    every, known = lines(), read()
    parts = [
        f"# Portfolios\n\nMade by `scripts/bench/portfolio/choose.py` from {len(every):,} trainings"
        f" in {FILE.name}.\n\n" + "\n".join(f"- {key}: {one}" for key, one in machine().items())
    ]
    for kind in KINDS:
        table = recorded(kind, every)
        if len(set(table.families)) < 2 or len(table.candidates) <= max(AFTER):
            print(f"{kind}: too little is recorded", flush=True)
            continue
        order = greedy(regrets(table.pooled), weights(table.families), options.most)
        parts.append(report(table, known, order))
        entries = [known[kind, table.candidates[one]] for one in order]
        head = f"# The portfolio of kind {kind}, in the order in which it is tried; by choose.py.\n"
        text = [head, *(entry(one, f"candidate {one.number}") for one in entries)]
        (RESULTS / f"portfolio-{kind}.toml").write_text("\n".join(text), encoding="utf-8")
    whole = "\n\n".join(parts)
    (RESULTS / "portfolio.md").write_text(whole, encoding="utf-8")
    print(whole)


if __name__ == "__main__":
    main()
