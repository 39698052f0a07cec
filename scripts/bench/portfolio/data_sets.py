"""The data sets that candidates are recorded on, and how each is trained.

None is among the twelve tables of tables/sets.py, and none is MNIST or Fashion-MNIST: those are
for proof. Of CIFAR-10 the training images alone are used.
"""

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["dense", "conv", "vectors", "tables"]


@dataclass(frozen=True, kw_only=True)
class RecordedSet:
    """A data set as it is trained for candidates of some kinds."""

    name: str
    file: str
    """In the folder of the data: an .npz file, or a .csv file whose ``target`` is predicted."""
    kinds: tuple[Kind, ...]
    """Of the candidates that are trained on it."""
    epochs: int
    target: str | None = None
    limit: int | None = None
    """Training examples, at most."""
    task: Literal["classification", "regression"] | None = None
    """Of vectors whose whole numbers are no classes; else it follows from the targets."""
    folds: int = 0
    """Of a cross-validation, three and not hpsearch's five to save time; 0: a tenth validates."""
    later: bool = False
    """Whether it is dear: recorded when all candidates are on the others."""

    @property
    def family(self) -> str:
        """What it shares with sets that have the same examples: they are left out together."""
        return self.file.split(".")[0].split("-")[0]

    def section(self, folder: str) -> dict[str, Any]:
        """``[dataset]`` of a study file.

        Args:
            folder: that has the file.
        """
        found: dict[str, Any] = {"path": f"{folder}/{self.file}"}
        if self.target is None:
            found |= {"source": "npz", "scale": "standardize", "task": self.task}
        else:
            found |= {"source": "table", "target": self.target}
        if self.limit is not None:
            found["limit"] = self.limit
        if self.folds:
            found["validation"] = {"folds": self.folds}
        return found


def _images(name: str, file: str, epochs: int, **more: Any) -> RecordedSet:
    more = {"kinds": ("dense",)} | more
    return RecordedSet(name=name, file=f"{file}.npz", epochs=epochs, **more)


def _vectors(name: str, epochs: int, **more: Any) -> RecordedSet:
    more = {"file": f"{name}.npz"} | more
    return RecordedSet(name=name, kinds=("vectors",), epochs=epochs, **more)


def _table(name: str, target: str, epochs: int, **more: Any) -> RecordedSet:
    more = {"file": f"{name}.csv"} | more
    return RecordedSet(name=name, kinds=("tables",), target=target, epochs=epochs, **more)


SETS = (
    _images("digits", "digits", 40, kinds=("dense", "conv")),
    _images("digits of 300", "digits", 30, kinds=("dense", "conv"), folds=3, limit=300),
    _images("faces", "faces", 25, folds=3),
    _images("animals of 1,000", "animals", 20, kinds=("dense", "conv"), limit=1_000),
    _images("animals", "animals", 20),
    _images("cifar10 grey", "cifar10-grey", 20, kinds=("dense", "conv"), limit=2_000),
    _images("cifar10 of 2,000", "cifar10", 20, kinds=("dense", "conv"), limit=2_000),
    _images("cifar10 of 4,000", "cifar10", 20, limit=4_000, later=True),
    _images("cifar10 of 15,000", "cifar10", 20, limit=15_000, later=True),
    _vectors("digits as vectors", 40, file="digits.npz"),
    _vectors("breast_cancer", 60, folds=3),
    _vectors("wine", 60, folds=3),
    _vectors("diabetes", 60, folds=3, task="regression"),
    _vectors("italy_power", 40, folds=3),
    _vectors("osu_leaf", 40, folds=3),
    _vectors("arrow_head", 60, folds=3),
    _vectors("japanese_vowels", 40, folds=3),
    _vectors("appliances", 40, folds=3),
    _table("Hitters", "Salary", 60, folds=3),
    _table("Sacramento", "price", 60, folds=3),
    _table("OJ", "Purchase", 40),
    _table("attrition", "Attrition", 40, later=True),
    _table("leaf_id_flavia", "species", 40),
    _table("cells", "class", 40),
    _table("HMDA", "deny", 40, later=True),
    _table("spam7", "yesno", 30, limit=1_500),
    _table("Chicago", "ridership", 30, limit=1_500),
    _table("Computers", "price", 30, limit=1_500),
    _table("CPS1988", "wage", 30, limit=3_000, later=True),
    _table("deliveries", "time_to_delivery", 30, limit=1_500),
    _table("wa_churn", "churn", 30, limit=2_000, later=True),
    _table("wa_churn of 300", "churn", 40, file="wa_churn.csv", limit=300),
    _table("deliveries of 300", "time_to_delivery", 60, file="deliveries.csv", limit=300),
)
"""Images of four families, vectors of nine, tables of thirteen."""
