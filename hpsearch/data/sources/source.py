"""A source of data: its keys of ``[dataset]``, its files, how it is read, what is said of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field
from pydantic.fields import FieldInfo

from hpsearch.data.arrays import Arrays, Progress, check
from hpsearch.data.signature import SourceFiles
from hpsearch.fields import Section
from hpsearch.presets.sizes import Sizes

DataPath = Annotated[str, Field(min_length=1)]


_COMMON = ("path", "task")
"""Keys of ``[dataset]`` that several sources have."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is known of data before they are read."""

    rows: int
    """Of the training split."""
    validation: int = 0
    """Of their own validation part; 0: they have none."""
    shape: tuple[int, ...] | None = None
    """Of arrays: that of an example."""
    columns: tuple[str, ...] = ()
    """Of a table: the names of all."""
    notes: tuple[str, ...] = ()
    """Of a table: how its text was understood."""


class Source(Section):
    """What every source has.

    Its fields are those keys of ``[dataset]`` that it alone has, each None where it is left out;
    and ``path``, where it has one: required, or with the default None; and ``task``, where its
    targets may be numbers.
    """

    name: ClassVar[str]
    """As ``dataset.source`` has it."""
    looks: ClassVar[str] = ""
    """What it is known by at a path, in words; see :meth:`looks_like`."""
    given: ClassVar[str] = ""
    """What a user adds to it to give a validation part."""
    usual: ClassVar[Sizes] = Sizes(rows=45_000, pixels=32, may_flip=True)
    """What a new study file is written for, where it is not known."""
    usual_scale: ClassVar[str] = "symmetric"
    """``dataset.scale`` in a new study file."""
    sample: ClassVar[str] = ""
    """A path as it often is, for a new study file."""
    path_about: ClassVar[str] = ""
    """What a new study file says of the path."""
    more_lines: ClassVar[str] = ""
    """Its own keys in a new study file."""

    @classmethod
    def own_keys(cls) -> dict[str, FieldInfo]:
        """The keys of ``[dataset]`` that it alone has."""
        return {key: field for key, field in cls.model_fields.items() if key not in _COMMON}

    @classmethod
    def takes_path(cls) -> bool:
        """Whether it may have a path."""
        return "path" in cls.model_fields

    @classmethod
    def takes_task(cls) -> bool:
        """Whether its targets may be numbers, so that they may be a regression's."""
        return "task" in cls.model_fields

    @classmethod
    def needs_path(cls) -> bool:
        """Whether it must have one."""
        return cls.takes_path() and cls.model_fields["path"].is_required()

    @classmethod
    def looks_like(cls, path: Path) -> bool:  # noqa: ARG003  # others look
        """Whether what is at a path is most likely of this source."""
        return False

    @classmethod
    def look(cls, path: Path) -> Look | None:  # noqa: ARG003  # others look
        """What can be known soon of the data at a path; None: nothing.

        Args:
            path: a file or folder of this source.

        Raises:
            InputError: data that are wrong in themselves.
            UnreachableError: a file or folder that cannot be read.
        """
        return None

    @property
    def where(self) -> str:
        """What it is read from, for messages."""
        return getattr(self, "path", None) or self.name

    @property
    def splits_by_seed(self) -> bool:
        """Whether another seed splits otherwise; in order of time it does not."""
        return True

    def files(self) -> SourceFiles | None:
        """The files that it is read from, as they are now; None: it is built in or downloaded.

        Raises:
            InputError: it cannot be told which files are meant.
            UnreachableError: a folder that cannot be read.
        """
        return None

    def load(self, progress: Progress) -> Arrays:
        """Read it whole; :meth:`read` checks what all sources must keep to.

        Args:
            progress: told of what is read.

        Raises:
            InputError: data that are wrong in themselves.
            UnreachableError: a file that cannot be read, or a download without a network.
        """
        raise NotImplementedError

    def read(self, progress: Progress) -> Arrays:
        """Read it whole and check it; see :meth:`load` and :func:`hpsearch.data.arrays.check`."""
        return check(self.load(progress), self.where)
