"""What a backup says of the files that it does not copy."""

from pathlib import Path

from typer.testing import CliRunner

from hpsearch.cli.app import app
from hpsearch.home import Home


def test_a_backup_tells_of_uploads_where_there_are_some(home: Home, tmp_path: Path) -> None:
    words = ["storage", "backup", str(tmp_path / "copy.db"), "--home", str(home.root)]
    assert str(home.uploads) not in CliRunner().invoke(app, words).stderr
    (home.uploads / "contents" / "one.csv").mkdir(parents=True)
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.exception
    assert f"are files, too; then copy them: cp -a {home.uploads} FOLDER" in done.stderr
