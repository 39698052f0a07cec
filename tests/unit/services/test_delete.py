"""What is removed of a study, for one who asks nobody."""

from collections.abc import Callable

import fakes
import pytest

from hpsearch.errors import InputError, UnknownStudyError
from hpsearch.home import Home
from hpsearch.search.study import OpenStudy
from hpsearch.services.delete import removal
from hpsearch.services.workspace import Workspace
from hpsearch.workers.presence import present

Open = Callable[..., OpenStudy]


def test_nothing_is_removed_before_it_is_asked_for(open_study: Open, home: Home) -> None:
    study, place, progress = open_study(), Workspace(home=home), fakes.Told()
    with removal("study", place, progress) as found:
        assert found.question == "Remove study study with 0 trials and its files?"
        assert study.storage.study_names() == ["study"]
        assert found.remove().text == "Removed study study (0 trials)."
    assert study.storage.study_names() == []
    assert progress.lines == []
    with pytest.raises(UnknownStudyError), removal("study", place, progress):
        pass


def test_files_without_a_study_need_force(home: Home) -> None:
    file = home.trial_run("gone", 0) / "curves.csv"
    file.parent.mkdir(parents=True)
    file.touch()
    with removal("gone", Workspace(home=home), fakes.Told()) as found:
        assert found.needs_force
        assert "files of one are here" in found.note
        assert file.exists()
        found.remove()
    assert not file.parent.exists()


def test_a_study_that_is_run_stays(open_study: Open, home: Home) -> None:
    study = open_study()
    with (
        present(study),
        pytest.raises(InputError, match="is in use by"),
        removal("study", Workspace(home=home), fakes.Told()),
    ):
        pass
    assert study.storage.study_names() == ["study"]
