"""``hpsearch.search``: a search from Python, of a study file, a dict, or data and a model."""

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from hpsearch.api.adopting import adopted
from hpsearch.api.asked import Asked
from hpsearch.api.calling import gpus_of, place_of
from hpsearch.api.given import Keeping
from hpsearch.api.study import Study
from hpsearch.cli.notebook import screen
from hpsearch.errors import EXIT_SIGINT, HpsearchError, InputError, NoTrialError, StoppedError
from hpsearch.services.endings import endings, no_trial
from hpsearch.services.progress import Progress
from hpsearch.services.search import Conclusion, Settings
from hpsearch.services.search import search as service
from hpsearch.services.workspace import Workspace
from hpsearch.text import plural


def search(
    study: "str | os.PathLike[str] | Mapping[str, Any] | None" = None,
    *,
    data: Any = None,
    target: str | int | None = None,
    model: "Callable[[Mapping[str, Any], Any], Any] | str | os.PathLike[str] | None" = None,
    fit: "Callable[..., Any] | None" = None,
    space: Mapping[str, Any] | None = None,
    name: str | None = None,
    trials: int | None = None,
    timeout: str | float | None = None,
    workers: int | str | None = None,
    workers_per_gpu: int | str | None = None,
    gpus: "str | int | Sequence[int]" = "all",
    dashboard: bool = False,
    reference: bool = True,
    adopt: "str | os.PathLike[str] | Mapping[str, Any] | None" = None,
    home: "str | os.PathLike[str] | None" = None,
    storage: str | None = None,
    progress: bool = True,
    **sections: Any,
) -> Study:
    """Run a search: start it, resume it, or join it where it is running.

        >>> study = hpsearch.search("study.toml", workers=2)
        >>> study = hpsearch.search(data="houses.csv", target="price")
        >>> study = hpsearch.search(
        ...     data=(x, y),
        ...     model=build,
        ...     space={"depth": hpsearch.Int(1, 4), "batch_size": hpsearch.Choice([32, 64])},
        ...     trials=30,
        ...     training={"epochs": 20},
        ... )

    Args:
        study: a study file (.toml), or its content as a mapping; None: it follows from the data,
            whose path or name may stand here, too. All else that is given is laid over it.
        data: arrays ``(x, y)``, ``((x_train, y_train), (x_test, y_test))`` or a mapping with the
            names of an .npz file; a data frame; ``(frame, y)``; the path of a table, an .npz file
            or a folder of images; or the name of a public data set such as "digits". Arrays and
            frames are kept in the home.
        target: of a table or a data frame: the column to predict, by its name.
        model: your own ``build(config, data)``, which gives a Keras model, or the path of its
            Python file ("mine.py", "mine.py:make"). A function of a module travels as its file;
            one of a notebook is pickled, with what it uses, into the home.
        fit: your own training loop, ``fit(model, data, config, report)``, beside a model that is a
            function; None: hpsearch trains.
        space: what is searched, by name: values, ``Int``, ``Float``, ``Choice``, or a mapping of
            mappings, of which one is chosen. With a model, names such as batch_size, lr_schedule
            and optimizer are training's, as in ``[space]``, and all others the model's, which it
            gets as ``config``. None: as the study has it, else the preset for the data.
        name: the study's; the same name goes on with the same study. None: it follows from what is
            searched, so that the same call goes on, and another one starts another study.
        trials: the study's total number of trials.
        timeout: its time limit, in seconds or such as "2h".
        workers: how many worker processes, or "auto".
        workers_per_gpu: how many on each GPU, or "auto".
        gpus: "all", "none", indices, or indices and UUIDs with commas between them.
        dashboard: show the studies in the browser meanwhile.
        reference: train models of scikit-learn for comparison, once for a study.
        adopt: the storage's URL of an Optuna study of your own, whose trials the search then learns
            from; or a mapping of ``storage`` and, where they are needed, ``study`` (its name),
            ``rename`` (parameters' names there, each with the one here), ``metric`` and
            ``retrain``. See ``hpsearch adopt``.
        home: the data home; None: ``HPSEARCH_HOME``, else ``hpsearch-data``.
        storage: the storage's URL; None: ``HPSEARCH_STORAGE``, else SQLite in the home.
        progress: whether to show how it goes.
        sections: any other key of a study file: ``seed=1``, ``training={"epochs": 20}``,
            ``objective={"metric": "val_f1_macro"}``, ``dataset={"validation": 0.2}``,
            ``enqueue=[{"depth": 2}]`` ...

    Returns:
        the study, when its budget is used up.

    Raises:
        InputError: what is wrong of all that, in one message; nothing is written then.
        NoTrialError: no trial completed.
        UnreachableError: a storage or data that cannot be reached.
        ProgramError: what workers died of.
        StoppedError: ``hpsearch stop`` or SIGTERM ended it; the same call goes on.
        KeyboardInterrupt: Ctrl-C did, or a notebook's stop: the workers have saved where their
            trials stand, and have left. In another thread than the main one nobody hears that;
            ``Study.stop`` ends it from anywhere.
    """
    place, shown = place_of(home, storage), screen(is_shown=progress)
    keeping = Keeping(place.home)
    settings = Settings(
        trials=trials,
        timeout=None if timeout is None else str(timeout),
        workers=None if workers is None else str(workers),
        workers_per_gpu=None if workers_per_gpu is None else str(workers_per_gpu),
        gpus=gpus_of(gpus),
        dashboard=dashboard,
        reference=reference,
    )
    asked = Asked(
        study=study, data=data, target=target, model=model, fit=fit, space=space, name=name,
        sections=sections,
        others=[key for key in inspect.signature(search).parameters if key != "sections"],
    )  # fmt: skip
    written: Mapping[str, Any] | None = None
    try:
        file, written = asked.written(keeping)
        if adopt is not None:
            adopted(adopt, file, written, place, shown)
        found = service(file, settings, place, shown, table=written)
    except InputError as error:
        if not _is_there(place, written):
            keeping.forget()
        raise keeping.as_given(error) from None
    _conclude(found, shown)
    return Study(found.study, home=place.home.root, storage=storage)


def _is_there(place: Workspace, table: Mapping[str, Any] | None) -> bool:
    """Whether there is a study of a table's name, so that something was begun with it."""
    with suppress(HpsearchError), place.study(str((table or {}).get("name"))):
        return True
    return False


def _conclude(found: Conclusion, progress: Progress) -> None:
    """Say how a study stands at the end of a run.

    Raises:
        KeyboardInterrupt: Ctrl-C ended it.
        StoppedError: something else did before it was over.
        NoTrialError: no trial completed.
    """
    counts = found.counts
    done = f"{counts.counted} of {plural(found.budget.trials, 'trial')} done"
    if found.is_cut_off:
        told = f"Stopped with {done}; the same call resumes study {found.study}."
        if found.stopped == EXIT_SIGINT:
            raise KeyboardInterrupt(told)
        raise StoppedError(told, found.stopped)
    for line in endings(found):
        progress.say(line)
    if found.best is None:
        raise NoTrialError(no_trial(found))
