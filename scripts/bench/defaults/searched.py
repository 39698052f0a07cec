"""hpsearch as it comes: a study file with name, seed, data and number of trials, and nothing else.

A search lies in a folder of its own, where a run that was cut off goes on. After each number of
trials that is asked for its results are judged, in a copy, so that nothing of it comes back into
the search: the weights of an ensemble's members would be kept, and a confirmation be there already.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomli_w
from cases import Case, section
from command import hpsearch

NAME = "search"
"""Of the study."""
Line = dict[str, Any]


def searched(case: Case, folder: Path, trials: Sequence[int]) -> Iterator[Line]:
    """After each number of trials the best one by validation, refitted, and the search's ensemble.

    Args:
        case: the data.
        folder: of the search; with one that was begun it goes on.
        trials: ascending.
    """
    for count in trials:
        began = time.perf_counter()
        _search(case, folder, count)
        with _copied(folder) as copy:
            line = {"way": "hpsearch", "trials": count, **_refitted(case, copy)}
            yield line | {"seconds": time.perf_counter() - began}
            began = time.perf_counter()
            line = {"way": "ensemble", "trials": count, **_ensemble(case, copy)[0]}
            yield line | {"seconds": time.perf_counter() - began}


def confirmed(case: Case, folder: Path, trials: Sequence[int]) -> Iterator[Line]:
    """After the last number of trials: leaders confirmed, the winner's median run, and an ensemble.

    Both as they are, trained without the validation rows, and both refitted. Arguments as of
    :func:`searched`, whose search it is; what is missing of it is done.
    """
    began = time.perf_counter()
    _search(case, folder, trials[-1])
    with _copied(folder) as copy:
        hpsearch(copy, "confirm", NAME)
        whole, single = _ensemble(case, copy)
        common = {"trials": trials[-1], "seconds": time.perf_counter() - began}
        yield {"way": "confirmed", **common, "score": single}
        yield {"way": "confirmed ensemble", **common, **whole}
        began = time.perf_counter()
        whole, single = _evaluated(case, copy, "--refit")
        common["seconds"] = time.perf_counter() - began
        yield {"way": "refitted", **common, "score": single}
        yield {"way": "refitted ensemble", **common, **whole}


def _search(case: Case, folder: Path, trials: int) -> None:
    """Begin a search, or go on with it, until it has so many trials."""
    file = folder / f"{NAME}.toml"
    if not file.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        study = {
            "name": NAME,
            "seed": case.seed,
            "dataset": section(case, folder.resolve() / "data"),
            "budget": {"trials": trials},
        }
        file.write_text(tomli_w.dumps(study), encoding="utf-8")
    hpsearch(folder, "run", file.name, "--no-reference", "--trials", str(trials))


def _refitted(case: Case, folder: Path) -> Line:
    """The best trial, trained again on training and validation rows."""
    words = ("evaluate", NAME, "--refit", "--no-reference", "--json")
    (best,) = json.loads(hpsearch(folder, *words))["candidates"]
    (validation,) = json.loads(hpsearch(folder, "best", NAME, "--json"))["values"]
    return {"score": best["models"][0]["test"][case.metric], "validation": validation}


def _ensemble(case: Case, folder: Path) -> tuple[Line, float]:
    """The study's ensemble, and the test score of the single network that it is compared with."""
    validation = json.loads(hpsearch(folder, "ensemble", NAME, "--json"))["value"]
    line, single = _evaluated(case, folder)
    return line | {"validation": validation}, single


def _evaluated(case: Case, folder: Path, *options: str) -> tuple[Line, float]:
    """As :func:`_ensemble`, of an ensemble that is chosen."""
    words = ("evaluate", NAME, "--ensemble", "--no-reference", "--json", *options)
    found = json.loads(hpsearch(folder, *words))
    (winner,), whole = found["candidates"], found["ensemble"]
    single = next(one for one in winner["models"] if one["seed"] == winner["middle"])
    line = {"score": whole["test"][case.metric]}
    gain = whole["gain"]
    line |= {"gain": gain["value"], "low": gain["interval"][0], "high": gain["interval"][1]}
    return line, float(single["test"][case.metric])


@contextmanager
def _copied(folder: Path) -> Iterator[Path]:
    """A copy of a search's study file and home, for a while."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "copy"
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("data"))
        yield copy
