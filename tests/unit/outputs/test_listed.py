"""What trials list, in Optuna's own words."""

from collections.abc import Callable
from pathlib import Path

import pytest
from optuna.artifacts import FileSystemArtifactStore, get_all_artifact_meta, upload_artifact

from hpsearch.outputs.listed import KINDS, OF_COMPLETE, OF_OTHERS, attached, listed
from hpsearch.search import claims
from hpsearch.search.study import OpenStudy


@pytest.mark.parametrize("names", [(), OF_OTHERS, OF_COMPLETE])
def test_optuna_reads_what_is_listed(
    open_study: Callable[..., OpenStudy], names: tuple[str, ...]
) -> None:
    study = open_study()
    assert claims.claim(study) is not None
    study.storage.annotate(study.trial_id(0), {}, listed(names))
    metas = get_all_artifact_meta(study.trials()[0], storage=study.storage)
    assert sorted((meta.artifact_id, meta.filename, meta.mimetype) for meta in metas) == sorted(
        (name, name, KINDS[name]) for name in names
    )


def test_what_users_attach_is_known_by_its_key(
    open_study: Callable[..., OpenStudy], tmp_path: Path
) -> None:
    study = open_study()
    (tmp_path / "a.txt").write_text("hello")
    key = upload_artifact(
        artifact_store=FileSystemArtifactStore(tmp_path),
        file_path=str(tmp_path / "a.txt"),
        study_or_trial=study.optuna,
    )
    attrs = study.storage.get_study_system_attrs(study.study_id)
    assert attached(attrs) == [key]
    removed = {"artifacts:0": "null"}  # as the dashboard leaves one that was removed
    assert attached(attrs | removed) == [key]
    assert attached({"note": "x"}) == []


@pytest.mark.parametrize(
    "name",
    ['"/home/you/.ssh/id"', '"../../studies.db"', '""', "3", "null", '["x"]', '"curves.png"'],
)
def test_nothing_else_becomes_the_name_of_a_file(name: str) -> None:
    assert attached({"artifacts:x": f'{{"artifact_id": {name}}}'}) == []
    for text in ("{}", "[]", "3"):
        assert attached({"artifacts:x": text}) == []
