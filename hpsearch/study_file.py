"""The study file: what a user writes to describe a search, read and checked once, here."""

import re
import shlex
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import model_validator

from hpsearch.config import TrialConfig
from hpsearch.data.section import DatasetSection, resolve_path
from hpsearch.data.sources import source_classes
from hpsearch.errors import InputError
from hpsearch.fields import Section, Seed, StudyName
from hpsearch.formats import read_file
from hpsearch.networks import NETWORKS, locate
from hpsearch.networks.network import Shape
from hpsearch.parsing import parse
from hpsearch.presets.preset import PresetKey
from hpsearch.recipe import (
    ObjectiveSection,
    Recipe,
    TrainingSection,
    check_metrics,
    computing_in,
    following,
    parse_recipe,
    resolve_mlflow,
)
from hpsearch.search_sections import (
    TPE,
    BudgetSection,
    Median,
    Pruner,
    Sampler,
    TransferSection,
    WorkersSection,
)
from hpsearch.space import PartialConfig, Space, config_at, fixed_config, kinds
from hpsearch.tasks import TASKS
from hpsearch.tasks.task import Task
from hpsearch.text import nearest, show
from hpsearch.walks import settle


class StudyFile(Section):
    """A whole study file. Only ``name`` and ``dataset.source`` are required."""

    name: StudyName
    """Letters, digits, ".", "_" and "-"; runs with the same name go on with the same study."""
    seed: Seed = 0
    """Everything random follows from it."""
    dataset: DatasetSection
    objective: ObjectiveSection = ObjectiveSection()
    budget: BudgetSection = BudgetSection()
    sampler: Sampler = TPE()
    pruner: Pruner = Median()
    training: TrainingSection = TrainingSection()
    workers: WorkersSection = WorkersSection()
    preset: PresetKey | None = None
    """What is searched, but for keys that ``[space]`` has, and tried first; "auto": by the data;
    left out, "auto" where there is no ``[space]`` (see Presets)."""
    transfer: TransferSection = TransferSection()
    space: Space = Space()
    """Without ``[space]`` it is the preset's, sized by the data; so is what it leaves out where a
    preset is named."""
    enqueue: tuple[PartialConfig, ...] = ()
    """Configurations that are tried first."""
    portfolio: tuple[PartialConfig, ...] = ()
    """Configurations that are tried after those of ``enqueue``; left out, the preset's. They are
    those that a study begins with; more are enqueued."""
    baseline: TrialConfig | None = None
    """A configuration to compare with; it need not lie in the space."""

    @model_validator(mode="after")
    def _stopping_follows(self) -> "StudyFile":
        object.__setattr__(self, "training", following(self.training, self.objective))
        own = "space" in self.model_fields_set and all(
            NETWORKS[kind].has_metrics for kind in kinds(self.space)
        )
        check_metrics(self.objective, self.training, own=own)
        return self

    @model_validator(mode="after")
    def _validates_on_new_examples(self) -> "StudyFile":
        if self.dataset.include_validation and self.is_search:
            raise ValueError(
                "dataset.include_validation = true: a search needs validation examples that it"
                " does not train on; leave it out (hpsearch refit trains the winner on"
                " them)"
            )
        return self

    @model_validator(mode="after")
    def _enqueued_in_space(self) -> "StudyFile":
        if not self.awaits_preset:
            self.check_first()
        return self

    def check_first(self) -> None:
        """Refuse what is tried first, and does not lie in the space.

        Raises:
            ValueError: the first such configuration, with field and cure.
        """
        for key in ("enqueue", "portfolio"):
            for index, partial in enumerate(getattr(self, key)):
                try:
                    settle(self.space, partial)
                except ValueError as error:
                    raise ValueError(f"{key}[{index}].{error}") from None

    @property
    def awaits_preset(self) -> bool:
        """Whether its space is still to be made from a preset and the data, or was made so."""
        return "space" not in self.model_fields_set or self.preset is not None

    @property
    def is_search(self) -> bool:
        """Whether there is something to search."""
        return self.awaits_preset or fixed_config(self.space) is None

    @property
    def first(self) -> tuple[PartialConfig, ...]:
        """The configurations that are tried first, in this order."""
        return (*self.enqueue, *self.portfolio)

    @property
    def task(self) -> Task:
        """What the networks are for."""
        return TASKS[self.dataset.task or "classification"]

    def recipe(self, config: TrialConfig, seed: int, provenance: Mapping[str, Any]) -> Recipe:
        """The recipe that trains ``config`` as this study does; its precision may be "auto"."""
        training = computing_in(self.training, self.training.precision)
        return Recipe(
            seed=seed,
            config=config,
            dataset=self.dataset,
            training=training.model_copy(update={"mlflow": None}),
            objective=self.objective,
            provenance=dict(provenance),
        )

    def middle_recipes(self, shape: Shape, outputs: int) -> dict[str, Recipe]:
        """The recipe in the middle of the space of each kind of network, by the kind.

        Where the budget limits sizes, of the next smaller network that is within the limits; kinds
        that have none are left out.

        Args:
            shape: of an example.
            outputs: of the networks.
        """

        def fits(config: TrialConfig) -> bool:
            return not self.budget.excess(config.network.size(shape, outputs))

        middle = {
            kind: config_at(self.space, 0.5, {"network": kind}, fits) for kind in kinds(self.space)
        }
        return {
            kind: self.recipe(config, self.seed, {})
            for kind, config in middle.items()
            if fits(config)
        }

    def fixed_recipe(self) -> Recipe | None:
        """The recipe of a study file without ranges; None where there is something to search."""
        config = fixed_config(self.space)
        if config is None or self.awaits_preset:
            return None
        return self.recipe(config, self.seed, {"study_file": self.name})


def load(path: Path, overrides: Sequence[str] = ()) -> StudyFile:
    """Read and check a study file; ``dataset.path`` becomes absolute.

    Args:
        path: a .toml file.
        overrides: "key=value" texts of ``--set``, keys dotted, values as in TOML (a text may
            go without quotes).

    Raises:
        InputError: what is wrong, one line for each problem.
        UnreachableError: the file cannot be read.
    """
    return from_table(read_study(path), path, overrides)


def read_study(path: Path) -> dict[str, Any]:
    """The table of a study file, not checked yet; see :func:`load`."""
    if path.suffix != ".toml":
        is_data = path.exists() and any(one.looks_like(path) for one in source_classes())
        writes = f" (hpsearch run {shlex.quote(str(path))} writes one)" if is_data else ""
        raise InputError(
            f"{path}: is not a study file; {meant(path)}give a file that ends in .toml{writes}"
        )
    return read_file(path)


def meant(path: Path) -> str:
    """A question after the study file beside a name that is none; "" where none is near."""
    try:
        files = {file.stem: file for file in sorted(path.parent.glob("*.toml"))}
    except OSError:
        return ""
    exact = [word for word in (path.name, path.stem) if word in files]
    near = exact or [one for word in (path.name, path.stem) for one in nearest(word, files)]
    return f"did you mean {files[near[0]]}? " if near else ""


def written_budget(path: Path) -> BudgetSection:
    """The budget that a study file itself has, without ``--set`` and other options."""
    return budget_of(read_file(path), path)


def budget_of(table: Mapping[str, Any], path: Path) -> BudgetSection:
    """The same, of a table that was read.

    Args:
        table: of the file.
        path: the file, for messages.
    """
    return parse(BudgetSection, table.get("budget", {}), str(path))


def load_either(path: Path, overrides: Sequence[str] = ()) -> StudyFile | Recipe:
    """The study file or the recipe in a file; see :func:`load`.

    A recipe is what has a configuration, or is not TOML.
    """
    data = read_file(path)
    if path.suffix == ".toml" and "config" not in data:
        return from_table(data, path, overrides)
    folder = _folder(_apply(data, overrides), "dataset", "path", path)
    return parse_recipe(data, path, folder)


def from_table(data: dict[str, Any], path: Path, overrides: Sequence[str] = ()) -> StudyFile:
    """Check the table of a study file that was read from ``path``."""
    has_space = "space" in data
    typed = _apply(data, overrides)
    if "space" in data and not has_space:
        data.setdefault("preset", "auto")  # a key of [space] that is typed changes what is searched
    locate(data, path.parent, str(path))
    study = parse(StudyFile, data, str(path))
    dataset = resolve_path(study.dataset, _folder(typed, "dataset", "path", path), str(path))
    training = resolve_mlflow(study.training, _folder(typed, "training", "mlflow", path))
    return study.model_copy(update={"dataset": dataset, "training": training})


def _apply(data: dict[str, Any], overrides: Sequence[str]) -> set[str]:
    """Set what ``--set`` asks in a table; gives the keys."""
    return {apply_override(data, override) for override in overrides}


def _folder(typed: Collection[str], section: str, key: str, path: Path) -> Path:
    """What a path is relative to: the file, or where it is typed, if it is on the command line."""
    return Path() if {section, f"{section}.{key}"} & {*typed} else path.parent


_BARE_LIST = re.compile(r"\s*\[([^\[\]{}\"']+)\]\s*")
"""A list whose texts have no quotes."""


def apply_override(data: dict[str, Any], override: str) -> str:
    """Set one dotted key of a table in place, as ``--set key=value`` asks; returns the key.

    Raises:
        InputError: no "=", an empty key, or a key below something that is not a table.
    """
    key, separator, text = override.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not separator or not all(parts):
        raise InputError(f"--set {override}: is not key=value; write --set budget.trials=20")
    *tables, last = parts
    for part in tables:
        data = data.setdefault(part, {})
        if not isinstance(data, dict):
            raise InputError(f"--set {override}: {part} is not a table; set {part} as a whole")
    data[last] = _toml_value(text)
    return ".".join(parts)


def typed_keys(overrides: Sequence[str], section: str) -> set[str]:
    """The keys of a section that ``--set`` names, one by one or as a table of them."""
    table: dict[str, Any] = {}
    for override in overrides:
        apply_override(table, override)
    typed = table.get(section)
    return set(typed) if isinstance(typed, dict) else set()


def _toml_value(text: str) -> Any:
    """A TOML value, or the text itself where it is none ("cifar10", "/data/images").

    Spaces count (a folder's name may end in one), unless there is one behind the "=" too. Texts in
    a list need no quotes either, which a shell takes away: [relu,gelu].
    """
    plain = text.strip() if text[:1].isspace() else text
    try:
        table = tomllib.loads(f"value = {text}")
    except ValueError:  # no TOML, or a number of thousands of digits
        table = {}
    if len(table) == 1:
        return table["value"]
    words = _BARE_LIST.fullmatch(plain)
    if words is None:
        return plain
    return [_toml_value(word.strip()) for word in words[1].split(",") if word.strip()]


def load_dataset_override(study: StudyFile, overrides: Sequence[str]) -> DatasetSection:
    """The study's data section, with ``--set dataset.path=...`` where a machine has it elsewhere.

    Raises:
        InputError: another key than ``dataset.path``, or nothing at the path.
    """
    given: dict[str, Any] = {}
    for override in overrides:
        apply_override(given, override)
        dataset = given.get("dataset")
        is_path = isinstance(dataset, dict) and dataset.keys() == {"path"} and dataset["path"]
        if given.keys() != {"dataset"} or not is_path:
            raise InputError(
                f"--set {override}: all settings come from the study; only dataset.path=PATH can"
                " be set"
            )
    table = study.dataset.model_dump(mode="json") | given.get("dataset", {})
    section = parse(DatasetSection, table, "--set")
    return resolve_path(section, Path(), f"study {study.name}")


def moved(recipe: Recipe, study: StudyFile, overrides: Sequence[str]) -> Recipe:
    """A study's recipe with its data where :func:`load_dataset_override` finds them."""
    path = load_dataset_override(study, overrides).path
    dataset = recipe.dataset.model_copy(update={"path": path})
    return recipe.model_copy(update={"dataset": dataset})


SAME_SEARCH = ("seed", "dataset", "objective", "training", "space")
"""What may not change while a study goes on."""


SAME_VALUES = ("dataset", "objective", "training")
"""What makes values of trials comparable."""


def differences(stored: Section, given: Section, keys: Sequence[str] = SAME_SEARCH) -> list[str]:
    """What keeps ``given`` from going on with the study ``stored``; empty where nothing does.

    Budget, workers, sampler, pruner, enqueued configurations and baseline may change, and so
    may the place of the data (their fingerprint is compared elsewhere), of a network's file
    (whose SHA-256 is compared) and of MLflow.

    Args:
        stored: the study as it was made; or a recipe.
        given: the study file that is to go on with it; or another recipe.
        keys: the sections that must be equal.
    """
    found: list[str] = []
    for key in keys:
        old, new = (getattr(study, key) for study in (stored, given))
        if isinstance(old, Section):
            old, new = old.model_dump(mode="json"), new.model_dump(mode="json")
        found += _changes(key, old, new)
    return [line for line in found if not _PLACE.match(line)]


_PLACE = re.compile(r"dataset\.path|training\.mlflow|(space|config)\.network(\.\w+)?\.file: ")
"""How a difference begins that is only of a place."""


def as_stored(stored: StudyFile, given: StudyFile) -> StudyFile:
    """``given`` with what it leaves out as the study has it, where the default is another by now.

    Studies made before early stopping followed the objective's metric, and before the precision was
    measured, go on as they began.
    """
    kept: dict[str, Any] = {}
    ours, theirs = given.training.early_stopping, stored.training.early_stopping
    if ours and theirs and "monitor" not in ours.model_fields_set:
        kept["early_stopping"] = ours.model_copy(update={"monitor": theirs.monitor})
    if "precision" not in given.training.model_fields_set:
        kept["precision"] = stored.training.precision
    training = given.training.model_copy(update=kept)
    return given.model_copy(update={"training": training})


def as_begun(stored: StudyFile, given: StudyFile) -> StudyFile:
    """A study file that goes on with a study: :func:`as_stored`, with the portfolio that the study
    began with, and where both are of one preset with the study's space, epochs and early stopping,
    as the preset may have changed since.
    """
    found = as_stored(stored, given).model_copy(update={"portfolio": stored.portfolio})
    if given.preset is None or given.preset != stored.preset:
        return found
    left_out = {"epochs", "early_stopping"} - given.training.model_fields_set
    kept = {key: getattr(stored.training, key) for key in left_out}
    training = found.training.model_copy(update=kept)
    return found.model_copy(update={"space": stored.space, "training": training})


def _changes(key: str, old: Any, new: Any) -> list[str]:
    """Each key in which two plain values differ, with both values."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = dict.fromkeys([*old, *new])
        return [line for k in keys for line in _changes(f"{key}.{k}", old.get(k), new.get(k))]
    return [] if old == new else [f"{key}: {show(old)} -> {show(new)}"]
