"""Nothing is written outside the home, the share, the temporary folder and what was named."""

import socket
import subprocess
import sys
from pathlib import Path

import forked
import watched
from commandline import QUICK, Cli

TESTS = str(Path(__file__).parent.parent)

TRAINED = """
from pathlib import Path
import fakes
from hpsearch.services import train
from hpsearch.training.outcome import Watch
train.train_here = lambda recipe, parts, folder, *_, **__: fakes.train(
    recipe, parts, folder, Watch()
)
"""
"""What ``train`` does without TensorFlow."""


def test_who_watches_sees_all_that_is_done_outside(tmp_path: Path) -> None:
    log, inside, outside = (tmp_path / name for name in ("log", "inside", "outside"))
    code = (
        "import pathlib, watched\n"
        f"watched.watch([{str(inside)!r}], {str(log)!r})\n"
        f"for folder in ({str(inside)!r}, {str(outside)!r}):\n"
        "    watched.do_all(pathlib.Path(folder))\n"
        f"(pathlib.Path({str(inside)!r}) / 'link').symlink_to({str(outside / 'new')!r})\n"
        f"(pathlib.Path({str(inside)!r}) / 'link').write_text('')\n"
        f"shutil = __import__('shutil').rmtree({str(outside)!r})\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=TESTS)
    seen = [tuple(line.split(": ")[1].split()) for line in log.read_text().splitlines()]
    assert all(path.startswith(str(outside)) for _, path in seen)
    names = [(event, Path(path).name) for event, path in seen]
    assert names[:12] == [
        ("os.mkdir", "outside"), ("open", "one"), ("open", "two"), ("os.truncate", "two"),
        ("os.rename", "one"), ("os.rename", "three"), ("os.symlink", "four"), ("os.link", "five"),
        ("os.chmod", "three"), ("sqlite3.connect", "six"), ("os.remove", "four"), ("open", "new"),
    ]  # fmt: skip
    assert {event for event, _ in names[12:]} == {"os.remove", "os.rmdir"}
    assert len(names) == 12 + 6


def test_nothing_is_written_outside_of_what_is_ours(cli: Cli) -> None:
    log, share, temporary = (cli.folder / name for name in ("log", "share", "temporary"))
    for folder in (share, temporary, cli.folder / "site"):
        folder.mkdir()
    cli.variables["HPSEARCH_SHARE"] = f"file://{share}"
    cli.at_start.update(PYTHONPATH=str(cli.folder / "site"), MPLCONFIGDIR=str(temporary))
    (cli.folder / "new.toml").write_text("layers = 1\nunits = 16\n")

    def run(line: str, *names: str, code: int = 0) -> None:
        """Run a command that names some files, which are made beside themselves first."""
        beside = [f".partial.{name}" for name in names] + [f".replaced.{name}" for name in names]
        allowed = [cli.home, share, temporary, *(cli.folder / one for one in (*names, *beside))]
        start = watched.AT_START.format(
            tests=TESTS, temporary=str(temporary), allowed=[*map(str, allowed)], log=str(log)
        )
        quick = QUICK.format(tests=TESTS, seconds=0.0)
        trained = TRAINED if line.startswith("train") else ""
        (cli.folder / "site" / "sitecustomize.py").write_text(start + quick + trained)
        forked.run(cli, *line.split(), code=code)

    run("init small.toml", "small.toml")
    cli.study_file(trials=3)
    wide = cli.study_file("wide", trials=5).read_text().replace("high = 2", "high = 3")
    (cli.folder / "wide.toml").write_text(wide)
    run("data small.toml -o data.html", "data.html")
    run("run small.toml --workers 1")
    run("confirm small --top 1 --seeds 2 --workers 1")
    run("export small -o best.toml", "best.toml")
    run("train best.toml -o out", "out")
    run("report small -o small.html", "small.html")
    run("fork small wide.toml")
    run("enqueue wide new.toml")
    run("storage backup backup.db", "backup.db")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        run(f"dashboard --port {taken.getsockname()[1]}", code=2)  # all but to answer
    run("show small")
    run("doctor")
    run("delete small --yes")
    run("data --clear")
    assert sorted({*log.read_text().splitlines()}) == []
    assert {path.name for path in share.rglob("*")} <= {"runs"}
    assert (cli.home / "dashboard.token").exists()
