"""``hpsearch storage``: a study at another place, and what is left of the first one; a backup."""

from commandline import Cli
from made import make_study


def test_a_study_is_copied_and_goes_on_there(cli: Cli) -> None:
    make_study(cli)
    here, there = (f"sqlite:///{cli.folder / name}" for name in ("home/studies.db", "other.db"))
    done = cli("storage", "copy", here, there)
    assert "Copied small: 2 trials, read back and compared." in done.stdout
    assert cli.json("storage", "copy", here, there) == {"small": 2}  # the same one is there
    at = ("--storage", there)
    for command in ("trials", "show"):
        assert cli.json(command, "small", *at) == cli.json(command, "small")
    runs = sorted((cli.home / "runs" / "small").rglob("*"))
    assert runs

    # The copy goes on; then the first one is another study.
    (cli.folder / "next.toml").write_text("layers = 1\n")
    cli("enqueue", "small", "next.toml", *at)
    refused = cli("storage", "copy", here, there, code=2).stderr
    assert "--keep-files" in refused
    cli("delete", "small", "--yes", "--keep-files", *at)
    assert cli.json("ls", *at) == []
    assert sorted((cli.home / "runs" / "small").rglob("*")) == runs
    assert cli.json("storage", "copy", here, there) == {"small": 2}
    assert "not found" in cli("storage", "copy", here, there, "--study", "smal", code=2).stderr
    url = "postgresql://me:s3cret@127.0.0.1:1/x"
    refused = cli("storage", "copy", here, url, code=2).stderr
    assert "TO: a password on the command line" in refused
    assert "s3cret" not in refused


def test_a_backup_is_a_home_of_its_own(cli: Cli) -> None:
    make_study(cli)
    done = cli("storage", "backup", "copy.db")
    assert "Backed up 2 trials in 1 study to copy.db" in done.stdout
    assert str(cli.home / "runs") in done.stderr
    told = cli.json("storage", "backup", "copy.db")
    assert (told["file"], told["studies"], told["trials"]) == ("copy.db", 1, 2)
    at = ("--storage", f"sqlite:///{cli.folder}/copy.db")
    assert cli.json("trials", "small", *at) == cli.json("trials", "small")
    cli.variables["HPSEARCH_STORAGE"] = "postgresql://me:s3cret@127.0.0.1:1/x"
    refused = cli("storage", "backup", "copy.db", code=2).stderr
    assert "pg_dump" in refused
    assert "s3cret" not in refused
