"""``[dataset]``: what is trained on, how it is split and scaled."""

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import Field, Strict, Tag, create_model, model_validator

from hpsearch.data.arrays import TaskName
from hpsearch.data.sources import SOURCES, source_class, source_classes
from hpsearch.data.sources.source import DataPath, Source
from hpsearch.data.transform import Scale
from hpsearch.errors import InputError, UnreachableError
from hpsearch.fields import BY_FORM, Bool, Positive, Section, Seed
from hpsearch.text import show

if TYPE_CHECKING:
    SourceName: TypeAlias = str
else:
    SourceName = Literal[*SOURCES]


class Folds(Section):
    """Cross-validation: a trial is trained once for each fold, and its value is their mean."""

    folds: Annotated[int, Strict(), Field(ge=2, le=20)] = 5
    """Each is validated on once, and trained on otherwise: by class in proportion, by whole groups,
    or, in order of time, only by what is newer."""
    repeats: Annotated[int, Strict(), Field(ge=1, le=20)] = 1
    """Times that the examples are dealt out anew."""

    @property
    def count(self) -> int:
        """Trainings of a trial."""
        return self.folds * self.repeats


Validation = Annotated[
    Annotated[Literal["given"], Tag("<text>")]
    | Annotated[float, Strict(), Field(gt=0.0, lt=1.0), Tag("<number>")]
    | Annotated[Folds, Tag("<table>")],
    BY_FORM,
]


class CommonKeys(Section):
    """``[dataset]``: what is trained on, how it is split and scaled."""

    source: SourceName
    """Where the examples come from; see the formats below."""
    path: DataPath | None = None
    """File or folder, relative to the study file; for the public sets a copy that you have."""
    validation: Validation = 0.1
    """Stratified share of the training split, or "given": the source's own validation part; or a
    table, ``{ folds = 5, repeats = 1 }``: cross-validation, of small data."""
    split_seed: Seed = 0
    """Seed of the validation split: the same for all trials, whatever their seeds."""
    scale: Scale = "symmetric"
    """Inputs as they are, to [0, 1], to [-1, 1], or by mean and deviation of training examples,
    which is usual for those without a known largest value (all but uint8 and truth values).
    Tables pass it over: their numbers are always scaled by median and quartiles."""
    include_validation: Bool = False
    """Train on the validation examples too, for a configuration that is chosen (``hpsearch
    refit``): what is measured on them says nothing about new examples then."""
    limit: Positive | None = None
    """Use at most so many training examples, stratified, taken after the validation split."""
    class_weights: Literal["none", "balanced"] = "none"
    """"balanced" weighs each class by examples / (classes x examples of the class)."""
    task: TaskName | None = None
    """What the target is; left out, it follows from its values: texts are classes, and so are whole
    numbers of few values in a table (two, or 20 at most and ten rows to each); all others are
    numbers."""
    log_target: Bool = False
    """Of a regression with a heavy tail: networks model log(1 + target)."""

    @property
    def reader(self) -> Source:
        """The source, with the path and its own keys."""
        kind = source_class(self.source)
        return kind(**{key: getattr(self, key) for key in kind.model_fields})

    @property
    def splits_anew(self) -> bool:
        """Whether another ``split_seed`` draws other validation examples."""
        return self.validation != "given" and self.reader.splits_by_seed

    @model_validator(mode="after")
    def _repeats_differ(self) -> "CommonKeys":
        repeats = self.validation.repeats if isinstance(self.validation, Folds) else 1
        if repeats > 1 and not self.reader.splits_by_seed:
            raise ValueError(
                f"validation.repeats = {repeats}: with time every repeat has the same folds; leave"
                " repeats out"
            )
        return self

    @model_validator(mode="after")
    def _fits_source(self) -> "CommonKeys":
        kind = source_class(self.source)
        if kind.needs_path() and self.path is None:
            raise ValueError(f'source = "{self.source}" needs a path; add path = "..."')
        if self.path is not None and not kind.takes_path():
            raise ValueError(f'source = "{self.source}" is built in; leave path out')
        if self.task is not None and not kind.takes_task():
            raise ValueError(f'source = "{self.source}" has classes; leave task out')
        for one in source_classes():
            for key in one.own_keys():
                if one is not kind and getattr(self, key) is not None:
                    raise ValueError(f'{key} applies to source = "{one.name}" only; leave it out')
        return self


def _own_keys() -> dict[str, Any]:
    """The keys of all sources, as fields."""
    every = [one.own_keys().items() for one in source_classes()]
    return {key: (field.annotation, field) for keys in every for key, field in keys}


if TYPE_CHECKING:
    DatasetSection: TypeAlias = CommonKeys
else:
    DatasetSection = create_model(
        "DatasetSection",
        __base__=CommonKeys,
        __module__=__name__,
        __doc__=CommonKeys.__doc__,
        **_own_keys(),
    )
"""The whole section: the common keys, and those that single sources have."""


def resolve_path(dataset: DatasetSection, folder: Path, where: str) -> DatasetSection:
    """The section with an absolute ``path``, which must exist.

    Args:
        dataset: the section.
        folder: what a relative path is relative to.
        where: what the section comes from (a file name), for the message.

    Raises:
        InputError: there is nothing at the path.
        UnreachableError: one of its folders may not be looked into.
    """
    if dataset.path is None:
        return dataset
    given = f"{where}: dataset.path = {show(dataset.path)}"
    cure = "correct it, or use --set dataset.path=..."
    try:
        path = (folder / Path(dataset.path).expanduser()).absolute()
        mode = path.stat().st_mode
        absolute = str(path.resolve())
        absolute.encode()
    except PermissionError:
        raise UnreachableError(f"{given} cannot be read; check its permissions") from None
    except FileNotFoundError as error:
        raise InputError(f"{given} does not exist (looked for {error.filename}); {cure}") from None
    except UnicodeEncodeError:
        raise InputError(
            f"{given}: the name of its folder is not UTF-8 and cannot be stored; rename it"
        ) from None
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: ~ of an unknown user
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{given} does not exist ({reason}); {cure}") from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # a pipe or device has no end
        raise InputError(f"{given} is neither a file nor a folder; {cure}")
    return dataset.model_copy(update={"path": absolute})
