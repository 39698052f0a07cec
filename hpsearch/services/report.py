"""Reporting: what is known of a study, as JSON and as one page to read, print and pass on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.effect import Learnt
from hpsearch.figures.points import points
from hpsearch.figures.trials import search_figures
from hpsearch.files import write_bytes
from hpsearch.naming import given
from hpsearch.outputs.test_access import accesses
from hpsearch.outputs.trainings import Training, headlines_on_test, trainings
from hpsearch.reference.reference import Reference, boosted_trees
from hpsearch.report.facts import facts
from hpsearch.report.page import page
from hpsearch.search.confirmation import values
from hpsearch.search.effects import effects
from hpsearch.search.reference import reference
from hpsearch.search.trials import Trial, epoch_values, row
from hpsearch.services.confirmed import winner_of
from hpsearch.services.overwriting import refuse_to_replace
from hpsearch.services.progress import Progress
from hpsearch.services.workspace import Workspace
from hpsearch.space import searched
from hpsearch.study_file import StudyFile

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True, kw_only=True)
class Report:
    """What is known of a study."""

    file: StudyFile
    facts: Mapping[str, Any]
    """All that the page says, ready for JSON."""
    trials: Sequence[Trial]
    rows: Sequence[Mapping[str, Any]]
    """The trials as ``trials --json`` has them."""
    trainings: list[Training]
    """What was trained or judged apart from the search."""
    learnt: Learnt
    """What the trials say of the space."""
    reference: Sequence[Reference] = ()
    """What models of scikit-learn reach on the same examples."""

    def figures(self) -> dict[str, "go.Figure"]:
        """The figures, in the order to be read, by an id such as "1-history"; drawn now."""
        most = self.file.training.epochs
        epochs = [epoch_values(trial, most) for trial in self.trials]
        drawn = points(self.rows, epochs, headlines_on_test(self.trainings))
        measure, space = self.file.objective.measure, searched(self.file.space)
        trees = boosted_trees(self.reference, measure)
        return search_figures(drawn, measure, space, self.file.task, trees, learnt=self.learnt)

    def page(self) -> bytes:
        """One HTML page, in UTF-8; figures are drawn for it."""
        content = page(self.facts, self.figures(), self.file.task)
        return content.encode("utf-8", "backslashreplace")  # names of files may be no text

    def write(self, file: Path) -> int:
        """Write the page to a file; how many bytes it has.

        Raises:
            InputError: the file is there, and is no report.
            UnreachableError: it cannot be written.
        """
        refuse_to_replace(file, "report")
        content = self.page()
        write_bytes(file, content)
        return len(content)


def report(study: str, workspace: Workspace, progress: Progress) -> Report:
    """Gather what is known of a study: result, what mattered, what to try next.

    Args:
        study: its name.
        workspace: home and storage.
        progress: is told of the reading.

    Raises:
        InputError: an unknown study.
    """
    home = workspace.home
    with workspace.study(study) as found, progress.steps() as show:
        total = found.storage.get_n_trials(found.study_id)
        show("reading trials", 0, total)
        trials = found.trials()
        show("reading trials", total, total)
        rows = [row(found, trial) for trial in trials]
        trained = trainings(found, home)
        opened, winner = accesses(found, home), winner_of(found)
        learnt = effects(found)
        known = facts(
            found,
            trials,
            rows,
            trained,
            values(found),
            learnt=learnt,
            opened=opened,
            winner=winner,
            names=given(),
        )
        return Report(
            file=found.file,
            facts=known,
            trials=trials,
            rows=rows,
            trainings=trained,
            learnt=learnt,
            reference=reference(found) or (),
        )
