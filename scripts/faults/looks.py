"""What must hold of a study when a command was killed and the user has gone on."""

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[2] / "tests"))

from averaged import ensemble  # likewise
from case import Case, as_texts, counted_trials, digest, searched, studied, whole
from optuna.trial import FrozenTrial

from hpsearch.home import CURVES, WEIGHTS
from hpsearch.search import budget
from hpsearch.search.attributes import CHANGES_KEY, PRESENT_PREFIX, requested_params
from hpsearch.search.ensemble import keep_ensemble
from hpsearch.search.recipes import trial_seed
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import is_refit
from hpsearch.services.refit import refitted


def of_grid(case: Case) -> dict[str, Any]:
    """Every point once, beside what is asked for in part; that once, too."""
    with studied(case, "grid") as study:
        counted = counted_trials(study)
        points = as_texts([t.params for t in counted if requested_params(t) != {"layers": 1}])
        return searched(case, "grid") | {
            "points of the grid": points,
            "no point twice": [point for point, of in Counter(points).items() if of > 1],
            "enqueued": as_texts([requested_params(t) for t in counted if requested_params(t)]),
        }


def of_tpe(case: Case) -> dict[str, Any]:
    """The initial design once, what is asked for once, and nothing that is too large."""
    with studied(case, "tpe") as study:
        counted, first = counted_trials(study), as_texts(study.first_trials)
        params = Counter(as_texts([trial.params for trial in counted]))
        limit = study.budget.max_parameters or 0
        return searched(case, "tpe") | {
            "initial design": {text: params[text] for text in first},
            "enqueued": as_texts([requested_params(t) for t in counted if requested_params(t)]),
            "no network too large": [
                t.number for t in counted if t.user_attrs["parameters"] > limit
            ],
        }


def of_queue(case: Case) -> dict[str, Any]:
    """What was enqueued is counted once."""
    with studied(case, "queue") as study:
        counted = counted_trials(study)
        wanted = [requested_params(trial) for trial in counted if requested_params(trial)]
        return searched(case, "queue") | {"enqueued": as_texts(wanted)}


def of_fork(case: Case) -> dict[str, Any]:
    """All trials of the old study are in the new one, which goes on."""
    with studied(case, "queue") as study:
        old = [*map(whole, study.trials())]
    with studied(case, "new") as study:
        trials = study.trials()
        taken = [t for t in trials if "forked_from" in t.user_attrs]
        return searched(case, "new") | {
            "old study": old,
            "taken over": [*map(whole, taken)],
            "enqueued": as_texts(
                [
                    requested_params(t)
                    for t in trials[len(taken) :]
                    if requested_params(t) and budget.counts(t)
                ]
            ),
            "curves": _curves(case, len(taken)),
            "its history": _histories(study),
        }


def _curves(case: Case, count: int) -> dict[str, str]:
    """The curves of the trials that were taken over."""
    runs = case.home.study_runs("new")
    wanted = {f"trial-{number:05d}/{CURVES}" for number in range(count)}
    return {name: text for name, text in digest(runs, [CURVES]).items() if name in wanted}


def _histories(study: OpenStudy) -> list[str]:
    """The commands of the old study that the new one knows of."""
    commands = study.optuna.user_attrs.get("commands", ())
    return [entry["command"].split()[1] for entry in commands if "study" in entry]


def of_copy(case: Case) -> dict[str, Any]:
    """All studies are here and there, whole."""
    found: dict[str, Any] = {}
    for where, url in (("from", case.own), ("to", case.url)):
        with case.opened(url) as storage:
            if storage is None:
                continue
            for one in storage.get_all_studies():
                if one.study_name == "other":
                    continue
                system = {
                    key: value
                    for key, value in one.system_attrs.items()
                    if not key.startswith(PRESENT_PREFIX)
                }
                trials = storage.get_all_trials(one._study_id, deepcopy=False)  # noqa: SLF001
                found[f"{one.study_name} {where}"] = [
                    json.dumps([one.user_attrs, system], sort_keys=True),
                    [*map(whole, trials)],
                ]
    names = {name.split()[0] for name in found}
    unlike = [n for n in names if found.get(f"{n} from") != found.get(f"{n} to")]
    return found | {"no study that is other here than there": unlike}


def of_confirm(case: Case) -> dict[str, Any]:
    """Each run once."""
    with studied(case, "queue") as study:
        old = [*map(whole, study.trials())]
    with studied(case, "queue.confirm") as runs:
        jobs = [
            {key: trial.user_attrs[key] for key in ("of", "seed", "config")}
            for trial in counted_trials(runs)
        ]
        return searched(case, "queue.confirm") | {"searched": old, "runs": as_texts(jobs)}


def choose(case: Case) -> None:
    """Keep an ensemble of a trial of the study and of its first two confirmation runs."""
    with studied(case, "queue") as study, studied(case, "queue.confirm") as runs:
        of = next(of for trial in runs.trials() if (of := trial.user_attrs["of"]) != "baseline")
        own = [trial for trial in runs.trials() if trial.user_attrs["of"] == of][:2]
        first = study.trials()[int(of)]
        members = [
            (int(of), False, trial_seed(study, first), 0.5),
            *((run.number, True, trial_seed(runs, run), 0.25) for run in own),
        ]
        chosen = ensemble(*members)
        kept = [one.model_copy(update={"of": of}) for one in chosen.members]
        keep_ensemble(study, chosen.model_copy(update={"members": kept}))


def lose(case: Case) -> None:
    """Remove the weights of refits, as somebody who makes space."""
    with studied(case, "queue.confirm") as runs:
        for trial in filter(is_refit, runs.trials()):
            (case.home.trial_run(runs.name, trial.number) / WEIGHTS).unlink()


def of_refit(case: Case) -> dict[str, Any]:
    """Each network of the ensemble once where its weights are here, and these as they would be."""
    with studied(case, "queue") as study, studied(case, "queue.confirm") as runs:
        refits = [trial for trial in counted_trials(runs) if is_refit(trial)]
        files = {
            trial.number: case.home.trial_run(runs.name, trial.number) / WEIGHTS for trial in refits
        }
        here = [trial for trial in refits if files[trial.number].is_file()]
        taken = refitted(study, case.home, ensemble=True)
        return searched(case, "queue.confirm") | {
            "searched": [*map(whole, study.trials())],
            "refits": as_texts([_job(trial) for trial in refits]),
            "no refit twice": [
                text for text, times in Counter(as_texts([*map(_job, here)])).items() if times > 1
            ],
            "weights": sorted(
                [trial.user_attrs["seed"], _digest(files[trial.number])] for trial in here
            ),
            "no weights missing": [
                one["trial"] for one in taken.plain()["networks"]
                if not files[one["trial"]].is_file()
            ],
            "what is taken": sorted(
                [one["seed"], one["weight"]] for one in taken.plain()["networks"]
            ),
        }  # fmt: skip


def _job(trial: FrozenTrial) -> dict[str, Any]:
    """What makes a confirmation run the one that it is."""
    return {key: trial.user_attrs[key] for key in ("of", "seed", "config", "kind", CHANGES_KEY)}


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def of_delete(case: Case) -> dict[str, Any]:
    """Nothing of the study is left."""
    places = (case.home.study_runs, case.home.study_logs)
    folders = [place(name) for name in ("queue", "queue.confirm") for place in places]
    return {"no file of the study": [str(one) for one in folders if one.exists()]}


Look = Callable[[Case], dict[str, Any]]
