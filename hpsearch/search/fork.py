"""Forks: a new study with another space or budget that begins with the trials of an old one."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import optuna
from optuna.trial import FixedTrial, FrozenTrial, TrialState, create_trial

from hpsearch.config import TrialConfig, flat
from hpsearch.errors import InputError, uses_place
from hpsearch.parsing import parse
from hpsearch.search import attributes as attr
from hpsearch.search import precision
from hpsearch.search import trials as rows
from hpsearch.search.confirmation import refuse_confirmation_study
from hpsearch.search.database.exclusive import Work, exclusive
from hpsearch.search.history import inherited
from hpsearch.search.lookup import load_study
from hpsearch.search.making import FORKING, StudyExistsError, check, create
from hpsearch.search.recipes import trial_seed
from hpsearch.search.sampling.pruners import rungs
from hpsearch.search.storage import Storage
from hpsearch.search.storage.events import Event
from hpsearch.search.storage.facts import ENDED_STATES, STATES
from hpsearch.search.study import OpenStudy, size_of, unlike
from hpsearch.search_sections import BudgetSection, Grid
from hpsearch.space import PartialConfig, Space, suggest_config
from hpsearch.study_file import SAME_VALUES, StudyFile, as_stored
from hpsearch.walks import misfits, settle

_NUMBERS = (attr.SAME_KEY, attr.RESUMES_KEY, attr.EARLIER_KEY)
"""User attributes that hold numbers of the old study's trials."""

AT_ONCE = 100
"""Trials that one transaction writes: others wait meanwhile for theirs."""

Report = Callable[[str, int, int], None]


class Files(Protocol):
    """The files of trials, which go with them (``hpsearch.outputs.copies``)."""

    def copied(
        self, storage: Storage, study: str, new: str, numbers: Sequence[int]
    ) -> AbstractContextManager[Callable[[], None]]:
        """Copy those of some trials; what it gives puts the copies where the new study's lie."""

    def refuse_foreign_runs(self, storage: Storage, name: str) -> None:
        """Refuse a new study whose runs would be written over those of another one."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A trial of the old study as it is in the new one."""

    number: int
    """Its number in the old study; in the new one it is its place."""
    trial: FrozenTrial


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Which trials of a study another one takes over, and why others are left behind."""

    taken: tuple[Taken, ...]
    """By number."""
    left: Mapping[str, tuple[int, ...]]
    """The numbers of trials left behind, by reason: "outside" (of the new space),
    "max_parameters", "max_macs", "running", "waiting", "interrupted", "too_large" (redrawn),
    "program_error", "data_error", "adopted", "unknown" (of other programs)."""
    outside: Mapping[str, int]
    """Of how many trials each field lies outside of the new space."""

    @property
    def by_state(self) -> dict[str, int]:
        """How many trials are taken over, by state."""
        counts = Counter(STATES[one.trial.state] for one in self.taken)
        return {state: counts[state] for state in ENDED_STATES}

    def plain(self) -> dict[str, Any]:
        """How many are taken over and left behind, as JSON."""
        return {
            "taken": {"trials": len(self.taken), **self.by_state},
            "left": {reason: len(numbers) for reason, numbers in self.left.items()},
            "outside": dict(self.outside),
        }


def check_comparable(study: OpenStudy, file: StudyFile, dataset: Mapping[str, Any]) -> None:
    """Refuse a fork whose values would mean something else than the old study's.

    Args:
        study: the old study.
        file: the new study's file.
        dataset: the facts of the new study's data.

    Raises:
        InputError: other data, objective or training, with both values; a confirmation study; a
            grid.
    """
    refuse_confirmation_study(study)
    if isinstance(file.sampler, Grid):
        raise InputError(
            f'study {file.name}: sampler.type = "grid" would try the points again that are taken'
            " over; choose another sampler for a fork"
        )
    if lines := unlike(study, file, dataset, SAME_VALUES):
        raise InputError(
            f"study {file.name}: its values could not be compared with those of"
            f" {study.name}:{lines}\nundo the change (or repeat the --set of the first run), or"
            " start a study without old trials: hpsearch run FILE"
        )


def plan(study: OpenStudy, file: StudyFile) -> Plan:
    """Which trials of a study lie in another one's space, written as that one's own.

    Args:
        study: the old study.
        file: the new study's file.
    """
    taken: list[Taken] = []
    left: dict[str, list[int]] = {}
    outside: Counter[str] = Counter()
    first: dict[frozenset[tuple[str, Any]], int] = {}
    data = study.data
    for trial in study.trials():
        config = rows.config(study, trial)
        reason = _not_finished(trial) or ("unknown" if config is None else None)
        if reason is None and config is not None:
            wrong = misfits(file.space, config)
            outside.update(wrong)
            size = size_of(config, data) or attr.size_of(trial)
            over = [f"max_{name}" for name in file.budget.excess(size)]
            reason = "outside" if wrong else next(iter(over), None)
        if reason is not None or config is None:
            left.setdefault(str(reason), []).append(trial.number)
            continue
        attrs = {**(attr.of_size(size) if size else {}), attr.SEED_KEY: trial_seed(study, trial)}
        new = _rewritten(study, trial, file, config, attrs)
        key = frozenset(new.params.items())
        if key in first:
            new.set_user_attr(attr.SAME_KEY, first[key])
        elif new.state != TrialState.FAIL:
            first[key] = len(taken)
        taken.append(Taken(number=trial.number, trial=new))
    by_reason = {reason: tuple(numbers) for reason, numbers in left.items()}
    return Plan(taken=tuple(taken), left=by_reason, outside=dict(outside.most_common()))


def _not_finished(trial: FrozenTrial) -> str | None:
    """Why a trial says nothing of its configuration; None where it does."""
    if not trial.state.is_finished():
        return STATES[trial.state]
    if trial.state != TrialState.FAIL:
        return None
    failure = trial.user_attrs.get(attr.FAILURE_KEY)
    return None if uses_place(failure) else str(failure or "unknown")


def _rewritten(
    study: OpenStudy,
    trial: FrozenTrial,
    file: StudyFile,
    config: TrialConfig,
    attrs: Mapping[str, Any],
) -> FrozenTrial:
    """A trial with the names and distributions of another space; what it found stays."""
    fixed = FixedTrial(params_in(file.space, config))
    suggest_config(file.space, fixed)
    user = {key: value for key, value in trial.user_attrs.items() if key not in _NUMBERS}
    user |= {**attrs, attr.FORKED_KEY: {"study": study.name, "number": trial.number}}
    system = {k: v for k, v in trial.system_attrs.items() if k.startswith(attr.ARTIFACT_PREFIX)}
    # As what was enqueued: no sampler counts it among the trials that it drew itself.
    system[attr.FIXED_KEY] = _enqueued(trial, fixed.params)
    new = create_trial(
        state=trial.state,
        values=trial.values,
        params=fixed.params,
        distributions=fixed.distributions,
        user_attrs=user,
        system_attrs=system | rungs(file, trial.intermediate_values),
        intermediate_values=trial.intermediate_values,
    )
    new.datetime_start, new.datetime_complete = trial.datetime_start, trial.datetime_complete
    return new


def params_in(space: Space, config: TrialConfig) -> dict[str, Any]:
    """The parameters of a configuration that lies in a space, as Optuna names them."""
    return settle(space, parse(PartialConfig, flat(config), "configuration"))


def _enqueued(trial: FrozenTrial, params: Mapping[str, Any]) -> dict[str, Any]:
    """What of a trial's parameters was enqueued in the old study; all where none was.

    A configuration that is enqueued in both studies, and named alike, is not run again.
    """
    wanted = attr.requested_params(trial)
    return {key: value for key, value in params.items() if key in wanted} or dict(params)


def fork(
    study: OpenStudy,
    file: StudyFile,
    dataset: Mapping[str, Any],
    files: Files,
    *,
    written: BudgetSection | None = None,
    report: Report = lambda *_: None,
    attrs: Mapping[str, Any] | None = None,
    event: Event | None = None,
) -> tuple[OpenStudy, Plan]:
    """Make the study of a file with all trials of another one that are valid in it.

    Args:
        study: the old study; it may be running.
        file: the new study's file.
        dataset: the facts of the new study's data.
        files: those of the trials.
        written: the budget as the file itself has it; None: the same as ``file.budget``.
        report: told what is done, how much of it, and of how much.
        attrs: more user attributes of the new study.
        event: written with them, where the service makes the study.

    Returns:
        The new study, and what was taken over.

    Raises:
        InputError: the name is taken, or as :func:`check_comparable` and
            :func:`hpsearch.search.making.check` say.
        UnreachableError: the trials' files cannot be copied.
    """
    refuse_taken(study.storage, file.name)
    file = as_stored(study.file, file)
    check_comparable(study, file, dataset)
    check(file, dataset)
    files.refuse_foreign_runs(study.storage, file.name)
    found = plan(study, file)

    def fill(made: optuna.Study) -> int:
        made_id = study.storage.get_study_id_from_name(made.study_name)
        _go_on_with_sequences(study, made_id)
        for first in range(0, len(found.taken), AT_ONCE):
            some = [one.trial for one in found.taken[first : first + AT_ONCE]]
            study.storage.add_trials(made_id, some)
            report("trials taken over", first + len(some), len(found.taken))
        return sum(one.trial.state != TrialState.FAIL for one in found.taken)

    opened = study.optuna.user_attrs.get(attr.TEST_ACCESSES_KEY)
    own_attrs: dict[str, Any] = {**inherited(study), **precision.attributes(study), **(attrs or {})}
    own_attrs |= {attr.TEST_ACCESSES_KEY: opened} if opened else {}
    own_attrs |= {
        attr.SINCE_KEY: len(found.taken),
        attr.FORKED_KEY: {
            "study": study.name,
            "trials": len(found.taken),
            "shift": study.shift + sum(map(len, found.left.values())) + len(found.taken),
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    }
    numbers = [one.number for one in found.taken]
    own = file.model_copy(update={"budget": written or file.budget})
    url = study.storage.url
    with (
        exclusive(url, Work.COPY),
        files.copied(study.storage, study.name, file.name, numbers) as put_in_place,
    ):

        @contextmanager
        def publishing() -> Iterator[None]:
            with exclusive(url):  # briefly: others make their studies meanwhile
                refuse_taken(study.storage, file.name)
                put_in_place()
                yield

        refuse_taken(study.storage, file.name)
        create(
            study.storage,
            own,
            dataset,
            budget=file.budget,
            attrs=own_attrs,
            fill=fill,
            ending=FORKING,
            publishing=publishing,
            event=event,
        )
    return load_study(study.storage, file.name), found


def _go_on_with_sequences(study: OpenStudy, made_id: int) -> None:
    """Quasi-random points of a space that stays the same go on where the old study's stood."""
    storage = study.storage
    for key, value in storage.get_study_system_attrs(study.study_id).items():
        if key.startswith("qmc:"):
            storage.set_study_system_attr(made_id, key, value)


def refuse_taken(storage: Storage, name: str) -> None:
    """Refuse the name of a study that is there.

    Raises:
        StudyExistsError: it is.
    """
    if name in storage.study_names():
        raise StudyExistsError(
            f"study {name}: already exists; give the fork another name, or remove that study with"
            f" hpsearch delete {name}"
        )
