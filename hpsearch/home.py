"""The data home: the one place that knows where hpsearch keeps its files."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from hpsearch.environment import HOME_VARIABLE, STORAGE_VARIABLE, USUAL_HOME
from hpsearch.errors import InputError, UnreachableError

WEIGHTS = "best.weights.h5"
"""In the folder of a trial or a trained recipe: the weights of the epoch that counts."""

INPUTS = "best.inputs.json"
"""Beside the weights: shape, type, classes and scaling of the network's inputs."""

CURVES = "curves.csv"
"""In the same folder: the epochs."""

CURVES_FIGURE = "curves.png"
"""Beside them: the epochs as a figure."""

RECIPE = "recipe.toml"
"""In the folder of a trained recipe: the recipe itself."""

RESULT = "result.json"
"""In the folder of a trained recipe: what came of it."""

TEST_RESULT = "test.json"
"""In the folder of a trial or a trained recipe: what its weights achieve on the test split."""

CONFUSION = "confusion.html"
"""Beside it: the confusion matrix as a figure."""

THRESHOLDS = "thresholds.html"
"""Beside it: ROC curves, precision and recall, and calibration as figures."""

RESIDUALS = "residuals.html"
"""Beside the results of a regression: predictions, targets and residuals as figures."""

OF_TEST = (TEST_RESULT, CONFUSION, THRESHOLDS, RESIDUALS)
"""All that is written when weights are judged on the test split."""

CHECKPOINTS = ("checkpoint.npz", "checkpoint.previous.npz")
"""In the folder of a trial that is not over: where its training stands, the newest first."""


def sqlite_url(file: str | Path) -> str:
    """The URL of an SQLite file: its path, in which what would mean something else is escaped.

    Optuna puts texts in place of {names}; SQLAlchemy reads a question mark as the path's end, and
    escapes as what they stand for.
    """
    return "sqlite:///" + re.sub(r"[%?{}]", lambda found: f"%{ord(found[0]):02X}", str(file))


@dataclass(frozen=True)
class Home:
    """The folder that holds the database, data sets, logs and runs of all studies."""

    root: Path

    @classmethod
    def find(cls, option: Path | None = None) -> "Home":
        """``--home``, else ``HPSEARCH_HOME``, else ``./hpsearch-data``; made only when written.

        Raises:
            InputError: the home of a user who is not known.
        """
        chosen = option or Path(os.environ.get(HOME_VARIABLE) or USUAL_HOME)
        try:
            return cls(chosen.expanduser().absolute())
        except RuntimeError:  # ~somebody
            raise InputError(f"--home {chosen}: no such user; write the path in full") from None

    def check(self) -> None:
        """Refuse to go on where the home is gone: a new one would be made in its place.

        Raises:
            UnreachableError: it was moved or removed.
        """
        try:
            self.root.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise UnreachableError(
                f"{self.root}: is gone while it was in use; put it back, or name its new place"
                " (--home), and run the same command again"
            ) from None
        except OSError:
            return  # nobody knows, as while a network's home is away; what is done there says so

    def make(self, folder: Path) -> None:
        """Make a folder in the home, which is there: a home that was moved is not made anew.

        Args:
            folder: below the root.

        Raises:
            UnreachableError: no permission, a full disk, a home that is gone.
        """
        try:
            for part in reversed([folder, *folder.parents]):
                if part != self.root and part.is_relative_to(self.root):
                    part.mkdir(exist_ok=True)
        except OSError as error:
            self.check()
            raise UnreachableError(f"{folder}: cannot be created: {error.strerror}") from None

    @property
    def database(self) -> Path:
        """The SQLite file of all studies."""
        return self.root / "studies.db"

    @property
    def datasets(self) -> Path:
        """Imported data sets, one folder each."""
        return self.root / "datasets"

    @property
    def uploads(self) -> Path:
        """What users sent to the service: data, and whose they are."""
        return self.root / "uploads"

    @property
    def own_storage(self) -> str:
        """The URL of the SQLite file of this home."""
        return sqlite_url(self.database)

    def storage_url(self, option: str | None = None) -> str:
        """``--storage``, else ``HPSEARCH_STORAGE``, else the SQLite file of this home."""
        return option or os.environ.get(STORAGE_VARIABLE) or self.own_storage

    def handed_over(self, sha256: str) -> Path:
        """Folder of what was handed over from Python: arrays, a table, or functions.

        Args:
            sha256: of its content.
        """
        return self.root / "python" / sha256[:16]

    @property
    def trainings(self) -> Path:
        """What ``hpsearch train`` leaves, one folder for each recipe and seed."""
        return self.root / "trained"

    def trained(self, name: str, seed: int, number: int = 1) -> Path:
        """Folder of a recipe that ``hpsearch train`` trained with a seed.

        Args:
            name: the recipe's.
            seed: of its training.
            number: from 1, where several recipes have that name.
        """
        return self.trainings / (f"{name}-seed{seed}" + f"-{number}" * (number > 1))

    def study_logs(self, study: str) -> Path:
        """Folder of a study's worker logs."""
        return _below(self.root / "logs", study)

    def reference_log(self, study: str) -> Path:
        """What the models that were trained beside a search last said."""
        return self.study_logs(study) / "reference.log"

    def mlflow_log(self, study: str) -> Path:
        """What the process that tells MLflow of a study last said."""
        return self.study_logs(study) / "mlflow.log"

    def worker_log(self, study: str, slot: int) -> Path:
        """Log of the worker in slot ``slot`` (from 0) of this machine."""
        return self.study_logs(study) / f"worker-{slot}.log"

    @property
    def artifacts(self) -> Path:
        """What users attach to studies and trials in the dashboard."""
        return self.root / "artifacts"

    @property
    def tokens(self) -> Path:
        """The tokens of the service, hashed."""
        return self.root / "tokens.json"

    @property
    def served(self) -> Path:
        """Reports and exports that the service made for who downloads them."""
        return self.root / "served"

    @property
    def webhook_secret(self) -> Path:
        """The secrets that the service signs its webhooks with."""
        return self.root / "webhook.secret"

    @property
    def dashboard_token(self) -> Path:
        """The token that lets into the dashboard, where none is given."""
        return self.root / "dashboard.token"

    @property
    def dashboard_log(self) -> Path:
        """What the last dashboard beside a search said."""
        return self.root / "logs" / "dashboard.log"

    @property
    def beside_log(self) -> Path:
        """What the process last said that makes figures and models beside a service's searches."""
        return self.root / "logs" / "beside.log"

    @property
    def dashboard_page(self) -> Path:
        """A page that leads a browser of this user into the dashboard."""
        return self.root / "dashboard.html"

    @property
    def locks(self) -> Path:
        """Lock files: which processes use a device."""
        return self.root / "locks"

    @property
    def runs(self) -> Path:
        """What trials leave behind, one folder for each study."""
        return self.root / "runs"

    def study_runs(self, study: str) -> Path:
        """Folder of a study's trials."""
        return _below(self.runs, study)

    def trial_run(self, study: str, number: int) -> Path:
        """Folder of one trial: curves, best weights, TensorBoard logs."""
        return self.study_runs(study) / f"trial-{number:05d}"


def _below(folder: Path, study: str) -> Path:
    """The folder of a study in another one; all that is written or removed of a study is in such.

    Raises:
        InputError: the name would lead elsewhere. (No study that hpsearch makes has such a name,
            but what stands in a database anybody may have written.)
    """
    if study in ("", ".", "..") or {"/", "\\", "\0"} & {*study}:
        raise InputError(f"study {study!r}: is no name for a study; rename it where it was made")
    return folder / study
