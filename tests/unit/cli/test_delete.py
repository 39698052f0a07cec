"""Removing studies: nothing that is in use, nothing outside the home, and all that is left."""

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
import sqlalchemy as sa
from click.testing import Result
from optuna.storages._rdb.models import BaseModel
from typer.testing import CliRunner

from hpsearch.cli.app import app
from hpsearch.errors import InputError, StudyGoneError, UnknownStudyError, UnreachableError
from hpsearch.home import Home
from hpsearch.outputs.belongings import NOTE, Belongings, left_behind, noted, of_studies
from hpsearch.search import removing
from hpsearch.search.attributes import FILE_KEY
from hpsearch.search.confirmation import ensure_confirmation_study
from hpsearch.search.lookup import CONFIRMATION_SUFFIX
from hpsearch.search.storage import StudyBusyError
from hpsearch.search.study import OpenStudy
from hpsearch.workers import presence
from hpsearch.workers.identity import identity, worker_name
from hpsearch.workers.presence import present

NOBODY = 2**22 + 1  # above the largest pid


@pytest.fixture
def study(
    home: Home, monkeypatch: pytest.MonkeyPatch, open_study: Callable[..., OpenStudy]
) -> OpenStudy:
    monkeypatch.setenv("HPSEARCH_HOME", str(home.root))
    return open_study(name="mine")


def delete(*words: str) -> Result:
    return CliRunner().invoke(app, ["delete", *words, "--yes"], catch_exceptions=False)


@pytest.mark.usefixtures("study")
def test_where_nobody_answers_the_option_is_told() -> None:
    done = CliRunner().invoke(app, ["delete", "mine"], input="")
    assert isinstance(done.exception, InputError)
    assert "nobody answered; to remove it without a question, give --yes" in str(done.exception)


@pytest.fixture
def files(home: Home) -> Iterator[list[Path]]:
    """What the study and its confirmation study have left."""
    folders = [
        folder
        for name in ("mine", "mine" + CONFIRMATION_SUFFIX)
        for folder in (home.study_runs(name), home.study_logs(name))
    ]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "file").touch()
    yield folders
    assert home.root.exists()


def test_all_of_a_study_is_removed(study: OpenStudy, files: list[Path]) -> None:
    assert delete("mine").stdout == "Removed study mine (0 trials).\n"
    assert study.storage.study_names() == []
    assert not any(folder.exists() for folder in files)


def test_a_name_inside_a_study_file_leads_nowhere(
    study: OpenStudy, home: Home, files: list[Path]
) -> None:
    precious = home.root.parent / "precious"
    precious.mkdir()
    stored = study.file.model_dump(mode="json") | {"name": "../../precious"}
    study.optuna.set_user_attr(FILE_KEY, stored)
    done = delete("mine")
    assert "its study file is that of '../../precious'" in done.stderr
    assert "hpsearch delete mine" in done.stderr
    assert done.stdout == "Removed study mine (0 trials) from the storage.\n"
    assert study.storage.study_names() == []
    assert precious.exists()
    assert all(folder.exists() for folder in files)


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/etc", "a\\b", "a\0b"])
def test_no_folder_of_a_study_lies_elsewhere(home: Home, name: str) -> None:
    for folder in (home.study_runs, home.study_logs):
        with pytest.raises(InputError, match="is no name for a study"):
            folder(name)


def test_a_link_is_removed_and_what_it_leads_to_stays(study: OpenStudy, home: Home) -> None:
    elsewhere = home.root.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").touch()
    home.runs.mkdir()
    home.study_runs("mine").symlink_to(elsewhere)
    delete("mine")
    assert not home.study_runs("mine").is_symlink()
    assert (elsewhere / "file").exists()
    assert study.storage.study_names() == []


def test_files_that_a_killed_removal_has_left(study: OpenStudy, files: list[Path]) -> None:
    delete("mine", "--keep-files")
    assert study.storage.study_names() == []
    with pytest.raises(UnknownStudyError):
        delete("mine", "--keep-files")
    kept = CliRunner().invoke(app, ["delete", "mine", "--yes"])  # they may be another storage's
    assert kept.exit_code == 1
    assert all(folder.exists() for folder in files)
    done = delete("mine", "--force")
    assert "no study mine" in done.stdout
    assert "Removed the files of study mine." in done.stdout
    assert not any(folder.exists() for folder in files)
    with pytest.raises(UnknownStudyError, match="study mine: not found"):
        delete("mine")
    with pytest.raises(UnknownStudyError, match="not found"):
        delete("..")


def test_files_of_an_unknown_study_stay_where_nobody_says_yes(
    study: OpenStudy, files: list[Path]
) -> None:
    delete("mine", "--keep-files")
    asked = CliRunner().invoke(app, ["delete", study.name], input="n\n")
    assert "Nothing removed." in asked.stdout
    assert all(folder.exists() for folder in files)


def rename(study: OpenStudy, name: str) -> None:
    """As another program does."""
    with study.storage.engine.begin() as connection:
        connection.execute(sa.text("UPDATE studies SET study_name = :name"), {"name": name})


@pytest.mark.parametrize("name", ["yours", "/etc", "..", "a\x1b[31m"])
def test_a_study_that_another_program_has_renamed_can_be_removed(
    study: OpenStudy, files: list[Path], name: str
) -> None:
    rename(study, name)
    with present(study), pytest.raises(InputError):
        delete(name)
    done = delete(name)
    assert done.stdout.endswith("(0 trials) from the storage.\n")
    assert done.stdout.isprintable() or done.stdout.count("\n") == 1
    assert "removed by: hpsearch delete mine" in done.stderr
    assert study.storage.study_names() == []
    assert all(folder.exists() for folder in files)
    delete("mine", "--force")
    assert not any(folder.exists() for folder in files)


def test_studies_of_other_programs_are_left_to_them(study: OpenStudy) -> None:
    for name in (".plain", "plain/7", "plain.confirm"):
        optuna.create_study(study_name=name, storage=study.storage)
        with pytest.raises(InputError, match="not made by hpsearch; open or remove it with Optuna"):
            delete(name)
    with pytest.raises(UnknownStudyError):
        delete("plain")
    assert study.storage.study_names() == ["mine", ".plain", "plain/7", "plain.confirm"]


@pytest.mark.parametrize("typed", ["mine", "mine" + CONFIRMATION_SUFFIX])
def test_confirmation_runs_whose_study_is_gone_can_be_removed(
    study: OpenStudy, files: list[Path], typed: str
) -> None:
    ensure_confirmation_study(study)
    removing.delete([study], None)
    done = delete(typed)
    assert done.stdout == "Removed study mine.confirm (0 trials).\n"
    assert study.storage.study_names() == []
    assert [folder.exists() for folder in files] == [True, True, False, False]


def test_confirmation_runs_are_removed_alone(study: OpenStudy, files: list[Path]) -> None:
    ensure_confirmation_study(study)
    delete("mine" + CONFIRMATION_SUFFIX)
    assert study.storage.study_names() == ["mine"]
    assert [folder.exists() for folder in files] == [True, True, False, False]


def test_a_name_that_no_study_can_have() -> None:
    with pytest.raises(InputError, match="is not UTF-8"):
        delete("\udcff")


def attach(study: OpenStudy, home: Home) -> list[Path]:
    """Attach a file to a study and to a trial of it."""
    storage, trial = study.storage, study.storage.create_new_trial(study.study_id)
    names = [str(uuid.uuid4()) for _ in range(2)]
    for name in names:
        key, value = f"artifacts:{name}", json.dumps({"artifact_id": name})
        if name == names[0]:
            storage.set_study_system_attr(study.study_id, key, value)
        else:
            storage.set_trial_system_attr(trial, key, value)
    home.artifacts.mkdir(exist_ok=True)
    files = [home.artifacts / name for name in names]
    for file in files:
        file.touch()
    return files


@pytest.mark.parametrize("killed", [False, True])
def test_all_that_is_elsewhere_is_removed_also_after_a_kill(
    study: OpenStudy,
    open_study: Callable[..., OpenStudy],
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    killed: bool,
) -> None:
    """A kill between the database and the files; nothing of another study goes."""
    other = open_study(name="other")
    share = home.root.parent / "share" / "runs"
    monkeypatch.setenv("HPSEARCH_SHARE", f"file://{share.parent}")
    own, others = ([*attach(one, home), share / one.key] for one in (study, other))
    for folder in (own[-1], others[-1], share / "mine-01234567"):
        folder.mkdir(parents=True)
    if killed:
        with monkeypatch.context() as patch:
            patch.setattr(Belongings, "remove", kill)
            with pytest.raises(KilledError):
                delete("mine")
        assert study.storage.study_names() == ["other"]
        asked = CliRunner().invoke(app, ["delete", "mine"], input="n\n")
        assert all(str(one) in asked.stdout for one in own[:-1])
        assert study.key in asked.stdout
        assert all(one.exists() for one in own)
        assert "Removed the files of study mine." in delete("mine", "--force").stdout
    else:
        delete("mine")
    assert not any(one.exists() for one in own)
    assert all(one.exists() for one in (*others, share / "mine-01234567"))
    assert not home.study_runs("mine").exists()


class KilledError(Exception):
    pass


def kill(*_: object) -> None:
    raise KilledError


def test_a_removal_that_is_refused_leaves_no_note(study: OpenStudy, home: Home) -> None:
    attach(study, home)
    what = of_studies(home, [study])
    with present(study), pytest.raises(StudyBusyError), noted(home, what):  # noqa: PT012  # what the block sees
        assert (home.study_runs("mine") / NOTE).exists()
        removing.delete([study], presence.is_busy)
    assert not home.study_runs("mine").exists()


def test_a_study_stays_while_its_share_is_away(
    study: OpenStudy, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HPSEARCH_SHARE", f"file://{home.root.parent / 'share'}")
    with pytest.raises(UnreachableError, match=r"HPSEARCH_SHARE \(file:///.*unset it"):
        delete("mine")
    assert study.storage.study_names() == ["mine"]
    assert not (home.root.parent / "share").exists()
    delete("mine", "--keep-files")
    assert study.storage.study_names() == []


def test_a_note_takes_nothing_of_others(home: Home) -> None:
    home.study_runs("mine").mkdir(parents=True)
    note = {
        "keys": [["other", "other-01234567"], ["mine", "../x"], ["mine", "mine-01234567"]],
        "attachments": ["../studies.db", "studies.db", "0" * 36],
    }
    (home.study_runs("mine") / NOTE).write_text(json.dumps(note))
    left = left_behind(home, "mine")
    assert left is not None
    assert left.keys == [("mine", "mine-01234567")]
    assert left.attachments == ["0" * 36]


def test_a_study_that_is_run_is_not_removed(study: OpenStudy, files: list[Path]) -> None:
    """Also before its first trial, and when it is removed in the same moment."""
    with present(study):
        with pytest.raises(StudyBusyError, match="stop that first: hpsearch stop mine"):
            delete("mine")
        with pytest.raises(StudyBusyError):
            study.storage.remove_studies([study.study_id], presence.is_busy)
        with pytest.raises(StudyBusyError):
            study.storage.delete_study(study.study_id)  # as the dashboard does
        assert all(folder.exists() for folder in files)
    delete("mine")
    assert study.storage.study_names() == []


def test_confirmation_runs_stay_where_their_study_is_in_use(study: OpenStudy) -> None:
    """Also where somebody begins in the last moment: all or nothing is removed."""
    runs = ensure_confirmation_study(study)
    names = study.storage.study_names()
    with present(study), pytest.raises(StudyBusyError):
        removing.delete([runs, study], presence.is_busy)
    assert study.storage.study_names() == names
    with present(runs), pytest.raises(StudyBusyError):
        delete("mine")
    assert study.storage.study_names() == names
    delete("mine")
    assert study.storage.study_names() == []


def test_another_study_that_has_its_key_meanwhile_stays(
    study: OpenStudy, open_study: Callable[..., OpenStudy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else removes it, in a database of an older version, while it is asked."""

    def answer(_question: str) -> bool:
        removing.delete([study], None)
        with study.storage.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM sqlite_sequence")
        assert open_study(name="other").study_id == study.study_id
        return True

    monkeypatch.setattr("typer.confirm", answer)
    with pytest.raises(StudyGoneError, match="study mine: was deleted meanwhile"):
        CliRunner().invoke(app, ["delete", "mine"], catch_exceptions=False)
    assert study.storage.study_names() == ["other"]


def test_all_of_a_study_goes_and_nothing_of_another(
    study: OpenStudy, open_study: Callable[..., OpenStudy], finish: Callable[..., Any]
) -> None:
    other = open_study(name="other")
    for one in (study, other):
        finish(one)
    before = other.trials()
    delete("mine")
    assert other.trials() == before
    with study.storage.engine.connect() as connection:
        counted = {
            table.name: connection.scalar(sa.select(sa.func.count()).select_from(table))
            for table in BaseModel.metadata.sorted_tables
        }
    assert counted["studies"] == counted["trials"] == counted["study_directions"] == 1
    assert counted["trial_params"] == len(before[0].params)
    assert counted["trial_intermediate_values"] == counted["trial_values"] == 1


def test_whoever_wants_it_removes_what_is_run(study: OpenStudy) -> None:
    with present(study):
        delete("mine", "--force")
    assert study.storage.study_names() == []


@pytest.mark.parametrize(
    ("owner", "removed"),
    [
        ({"worker": worker_name(NOBODY)}, True),
        ({"worker": "faraway:17", "process": {"place": "elsewhere", "started": 1}}, False),
    ],
)
def test_a_sign_of_who_is_gone_does_not_count(
    study: OpenStudy, owner: dict[str, object], removed: bool
) -> None:
    study.storage.arrive(study.study_id, identity() | owner)
    if not removed:
        with pytest.raises(StudyBusyError):
            delete("mine")
        with study.storage.engine.begin() as connection:  # as if it were two minutes ago
            connection.exec_driver_sql(
                "UPDATE study_system_attributes"
                """ SET value_json = replace(value_json, '"beat": "2', '"beat": "1')"""
            )
    delete("mine")
    assert study.storage.study_names() == []
