"""What submitted study files may read: uploads and files below one folder, links followed."""

from pathlib import Path
from typing import Any

import pytest

from hpsearch.data.section import DatasetSection, resolve_path
from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.naming import told
from hpsearch.networks import locate
from hpsearch.parsing import parse
from hpsearch.services.received import FACTS
from hpsearch.services.rules import Rules, called, names, place_data, reading
from hpsearch.services.upload import Asker, Upload, UploadKeptError
from hpsearch.services.uploads import Uploads
from hpsearch.study_file import StudyFile

ANA = Asker(user="ana")


def unnoted(_: Upload) -> None:
    """Notes nothing."""


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    """One upload, ana/houses, in a home that is reached by a link."""
    (tmp_path / "real").mkdir()
    (tmp_path / "home").symlink_to("real")
    uploads = Uploads(home=Home(tmp_path / "home"))
    upload = Upload(
        name="houses", owner="ana", format="csv", bytes=4, sha256="0" * 64, shared=False,
        added="2026-11-30T12:00:00+00:00",
    )  # fmt: skip
    made = tmp_path / "made"
    made.mkdir()
    (made / "data.csv").write_text("a,b\n")
    (made / FACTS).write_text('{"stored": 4}')
    uploads.keep(upload, made, None, unnoted)
    return uploads


def placed(path: object, rules: Rules, asker: Asker = ANA) -> Any:
    table = {"dataset": {"source": "table", "path": path, "target": "b"}}
    place_data(table, rules, "mine.toml", asker)
    return table["dataset"]["path"]


def test_an_upload_has_a_path_and_the_path_its_name(uploads: Uploads) -> None:
    rules = Rules(uploads=uploads)
    for name in ("upload:houses", "upload:ana/houses"):
        path = placed(name, rules)
        section = DatasetSection(source="table", path=path, target="b")
        assert resolve_path(section, Path("/"), "mine.toml").path == path
        assert Path(path).read_text() == "a,b\n"
        assert called(path, rules, "ana") == "upload:ana/houses"
    with pytest.raises(InputError, match=r"upload:bob/houses.*there is no such upload"):
        placed("upload:houses", rules, Asker(user="bob"))


def test_paths_are_below_one_folder_and_outside_of_uploads(
    uploads: Uploads, tmp_path: Path
) -> None:
    rules = Rules(data_root=tmp_path, uploads=uploads)
    (tmp_path / "x.csv").touch()
    (tmp_path / "link.csv").symlink_to(placed("upload:houses", rules))
    path = placed("x.csv", rules)
    assert (path, called(path, rules, "ana")) == (str(tmp_path / "x.csv"), "x.csv")
    for wrong in (
        "../x.csv",
        "/etc/passwd",
        "home/uploads",
        "real/uploads/names",
        "link.csv",
        "\0",
    ):
        with pytest.raises(InputError, match="is outside of the folder"):
            placed(wrong, rules)
    with pytest.raises(InputError, match="upload the data and give"):
        placed("x.csv", Rules(uploads=uploads))
    with pytest.raises(InputError, match="reads no files"):
        placed("upload:houses", Rules())
    assert placed(3, rules) == 3


def test_data_stay_while_they_are_read(uploads: Uploads) -> None:
    rules = Rules(uploads=uploads)
    path = placed("upload:houses", rules)

    def read() -> None:
        with reading(rules, path, "ana") as tell:
            assert tell(f"{path} is odd") == "upload:ana/houses is odd"
            with pytest.raises(UploadKeptError, match="is just read for a submit"):
                uploads.remove("ana", "houses", ANA, None, unnoted)  # type: ignore[arg-type]
            raise InputError(f"{path}: is wrong")

    with pytest.raises(InputError, match=r"^upload:ana/houses: is wrong$"):
        read()
    uploads.file("ana", "houses").unlink()
    uploads.tidy()
    assert called(path, rules, "ana") == "upload:(deleted)"
    with pytest.raises(InputError, match="there is no such upload"):
        placed("upload:(deleted)", rules)
    with pytest.raises(InputError, match="was deleted just now"), reading(rules, path, "ana"):
        pass


def test_no_link_in_a_folder_of_data_leads_out(uploads: Uploads, tmp_path: Path) -> None:
    root = tmp_path / "data"
    (root / "deep" / "a" / "b").mkdir(parents=True)
    (root / "own").mkdir()
    (tmp_path / "secret").mkdir()
    rules = Rules(data_root=root, uploads=uploads)
    links = {
        "file.csv": tmp_path / "secret" / "x.csv",
        "folder": tmp_path / "secret",
        "up": tmp_path,
        "nowhere": tmp_path / "nothing",
        "upload": uploads.contents,
    }
    for name, target in links.items():
        link = root / "deep" / "a" / "b" / name
        link.symlink_to(target)
        for path in ("deep", "deep/a/b", "."):
            with pytest.raises(InputError, match=rf'leads out of the folder.*"{name}"'):
                placed(path, rules)
        link.unlink()
    (root / "deep" / "a" / "loop").symlink_to(root / "deep")
    (root / "deep" / "own").symlink_to(root / "own")
    assert placed("deep", rules) == str(root / "deep")
    (root / "own" / "out").symlink_to(tmp_path / "secret")
    with pytest.raises(InputError, match="leads out of the folder"):
        placed("deep", rules)


def test_what_the_service_keeps_is_no_data(uploads: Uploads, tmp_path: Path) -> None:
    (tmp_path / "real" / "runs").mkdir()
    (tmp_path / "real" / "data").mkdir()
    (tmp_path / "beside").mkdir()
    rules = Rules(data_root=tmp_path, uploads=uploads)
    for path in (".", "real", "home", "real/runs", "real/data", "real/uploads"):
        with pytest.raises(InputError, match="is outside of the folder"):
            placed(path, rules)
    (tmp_path / "beside" / "link").symlink_to(tmp_path / "real" / "runs")
    with pytest.raises(InputError, match="leads out of the folder"):
        placed("beside", rules)
    inside = Rules(data_root=tmp_path / "real" / "data", uploads=uploads)
    assert placed(".", inside) == str(tmp_path / "real" / "data")


def test_a_path_is_refused_however_long_it_is(tmp_path: Path) -> None:
    for path in ("x" * 5000, "x/" * 5000, "/" * 5000 + "etc"):
        with pytest.raises(InputError, match=r"does not exist|is outside"):
            placed(path, Rules(data_root=tmp_path))


def test_messages_call_data_as_study_files_do(tmp_path: Path) -> None:
    rules = Rules(data_root=tmp_path)

    def read() -> None:
        with reading(rules, None, "ana") as tell:
            assert tell(f"{tmp_path}/x.csv, {tmp_path}/y.csv") == "x.csv, y.csv"
            raise InputError(f"{tmp_path}/a/b.csv is damaged")

    with pytest.raises(InputError, match=r"^a/b.csv is damaged$"):
        read()


def test_who_need_not_know_the_machine_sees_what_study_files_call_things(
    uploads: Uploads, tmp_path: Path
) -> None:
    rules = Rules(data_root=tmp_path, uploads=uploads)
    upload = placed("upload:houses", rules)
    known = names(None, rules, "ana") | {upload: called(upload, rules, "ana")}
    value = {
        "dataset": {"path": upload, "limit": 3, "path_of": "/elsewhere/a"},
        "space": [{"file": f"{tmp_path}/own/net.py"}, {"file": "/elsewhere/b.py"}, {"file": None}],
        "why": f"{tmp_path}/own/c.csv: is damaged",
    }
    assert told(value, known) == {
        "dataset": {"path": "upload:ana/houses", "limit": 3, "path_of": "/elsewhere/a"},
        "space": [{"file": "own/net.py"}, {"file": "b.py"}, {"file": None}],
        "why": "own/c.csv: is damaged",
    }
    assert told(value, {})["space"][0] == {"file": "net.py"}


def test_each_path_of_a_study_file_has_the_name_that_users_give_it(
    uploads: Uploads, tmp_path: Path
) -> None:
    rules, own = Rules(data_root=tmp_path / "data", uploads=uploads), tmp_path / "own.py"
    own.touch()
    network = {"python": {"file": str(own)}}

    def names_of(path: str) -> dict[str, str]:
        file = {"name": "a", "dataset": {"source": "npz", "path": path}, "space": {
            "network": network}}  # fmt: skip
        locate(file, tmp_path, "a.toml")
        return names(parse(StudyFile, file, "a.toml"), rules, "ana")

    root, home = str(tmp_path / "data"), str(tmp_path / "home")
    upload = placed("upload:houses", Rules(uploads=uploads))
    for path, name in (
        (root, "."), (f"{root}/a/x.npz", "a/x.npz"), ("/elsewhere/secret.npz", "secret.npz"),
        (upload, "upload:ana/houses"),
    ):  # fmt: skip
        found = names_of(path)
        assert (found[path], found[str(own)], found[home]) == (name, own.name, "HOME")
        assert found[str(tmp_path / "real")] == "HOME"
        assert path == root or found[root] == ""
    everything = Rules(data_root=Path("/"))
    assert names(None, everything, "ana") == {}
    assert called("/srv/x.npz", everything, "ana") == "srv/x.npz"
