"""Homes, disks, databases and data that are gone, full, damaged or not what they were."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import forked
import numpy as np
import optuna
import pytest
from commandline import Cli, wait_until
from made import make_study

PASSWORD = "s3cr%40t"  # noqa: S105  # of nobody
MOUNT, UMOUNT = shutil.which("mount") or "", shutil.which("umount") or ""
LOOKING = ("ls", "show small", "trials small", "best small")


def each(
    cli: Cli, lines: Iterable[str], *options: str | Path, code: int
) -> list[subprocess.CompletedProcess[str]]:
    """Run commands, one after the other; each must end with ``code``."""
    return [cli(*line.split(), *options, code=code) for line in lines]


@pytest.fixture
def made(cli: Cli) -> Cli:
    """A home with a finished study "small"."""
    make_study(cli)
    return cli


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system in memory with the given options; skips where that is not allowed."""
    folder = tmp_path / "mounted"
    folder.mkdir()

    def one(options: str) -> Path:
        command = [MOUNT, "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if not MOUNT or subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("this user may not mount a file system")
        return folder

    yield one
    if folder.is_mount():
        subprocess.run([UMOUNT, "--lazy", str(folder)], check=True)


def npz(path: Path, *, first: float = 0.0) -> Path:
    """Sixty examples of three classes."""
    x = np.linspace(0, 1, 60 * 4, dtype=np.float32).reshape(60, 4)
    x[0, 0] = first
    np.savez(path, x_train=x, y_train=np.arange(60) % 3)
    return path


def npz_study(cli: Cli) -> Path:
    npz(cli.folder / "data.npz")
    file = cli.study_file(trials=2)
    text = file.read_text().replace('"digits"', '"npz"\npath = "data.npz"\nscale = "none"')
    file.write_text(text)
    return file


# ---------------------------------------------------------------------- home and disk


@pytest.mark.parametrize("place", ["file", "file/below", "/dev/null/x"])
def test_a_home_that_cannot_be_made(cli: Cli, place: str) -> None:
    (cli.folder / "file").touch()
    done = cli("run", cli.study_file(), "--home", place, code=3)
    assert place in done.stderr
    assert "--home" in done.stderr
    assert done.stdout == ""
    assert "no studies here" in cli("ls", "--home", place, code=2).stderr
    assert "hpsearch run" in cli("best", "small", "--home", place, code=2).stderr
    trained = cli("train", cli.study_file(), "--home", place, "--set", "space={}", code=3)
    assert "--home" in trained.stderr


def test_a_home_on_a_full_disk(cli: Cli, mount: Callable[[str], Path]) -> None:
    home = mount("size=64k") / "home"
    done = cli("run", cli.study_file(), "--home", home, code=3)
    assert "free space" in done.stderr
    assert [path.name for path in home.rglob("*")] == ["datasets", ".lock"]
    subprocess.run([MOUNT, "-o", "remount,size=8m", str(home.parent)], check=True)
    assert cli.json("data", "small.toml", "--home", home)["test"] == 359


def test_a_disk_that_fills_up_between_runs(made: Cli, mount: Callable[[str], Path]) -> None:
    home = mount("size=8m") / "home"
    shutil.copytree(made.home, home)
    with (home / "filler").open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(b"x" * 4096)
        except OSError:
            pass
    (made.folder / "new.toml").write_text("layers = 1\n")
    done = made("enqueue", "small", "new.toml", "--home", home, code=3)
    assert "free space" in done.stderr
    export = made("export", "small", "-o", home / "best.toml", "--home", home, code=3)
    assert "storage" in export.stderr or "best.toml: cannot be written" in export.stderr
    (home / "filler").unlink()
    assert "Added" in made("enqueue", "small", "new.toml", "--home", home).stdout


def test_a_full_disk_takes_neither_a_script_nor_its_data(
    made: Cli, mount: Callable[[str], Path]
) -> None:
    folder = mount("size=64k")  # enough for the script
    for options in (("-o", folder / "best.py"), ("-o", "best.py", "--data", folder / "best.npz")):
        done = made("export", "small", *options, code=3)
        assert "best.npz: cannot be written: No space left on device" in done.stderr
        assert [*folder.iterdir()] == []
    assert not (made.folder / "best.py").exists()


def test_a_home_that_is_read_only(made: Cli, mount: Callable[[str], Path]) -> None:
    home = mount("size=8m") / "home"
    shutil.copytree(made.home, home)
    subprocess.run([MOUNT, "-o", "remount,ro", str(home.parent)], check=True)
    done = made("run", "small.toml", "--home", home, code=3)
    assert "check the permissions" in done.stderr
    for shown in each(made, LOOKING, "--home", home, code=0):
        assert "small" in shown.stdout or "trial" in shown.stdout


def test_a_home_that_is_moved_under_a_run_is_not_made_anew(cli: Cli) -> None:
    """The database is elsewhere: of that no process would notice anything."""
    cli.train_quickly(0.02)
    url = f"sqlite:///{cli.folder / 'studies.db'}"
    process = forked.start(
        cli, "run", cli.study_file(trials=1000), "--workers", "2", "--storage", url
    )
    wait_until((cli.home / "runs" / "small" / "trial-00001").exists, "a second trial")
    moved = cli.home.rename(cli.folder / "moved")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    assert err.splitlines()[-1].startswith("error: ")
    assert "home: is gone while it was in use; put it back" in err
    assert "Traceback" not in err + out
    assert not cli.home.exists()
    left = cli.json("show", "small", "--home", moved, "--storage", url)
    assert (left["failed"], left["running"]) == (0, 0)
    logs = sorted((moved / "logs" / "small").glob("worker-*.log"))
    assert len(logs) == 2
    for log in logs:
        assert "Traceback" not in log.read_text()


# ---------------------------------------------------------------------- the database


WRITING = ("run small.toml", "worker small", "delete small --yes")


@pytest.mark.parametrize(
    ("damage", "lines"),
    [("garbage", LOOKING + WRITING), ("truncated", LOOKING + WRITING), ("overwritten", WRITING)],
    ids=["garbage", "truncated", "overwritten"],
)
def test_a_damaged_data_base(made: Cli, damage: str, lines: tuple[str, ...]) -> None:
    whole = made.database.read_bytes()
    if damage == "garbage":
        made.database.write_bytes(b"no database at all" * 1000)
    elif damage == "truncated":
        made.database.write_bytes(whole[: len(whole) // 2])
    else:
        made.database.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
    damaged = made.database.read_bytes()
    for done in each(made, lines, code=3):
        assert "studies.db" in done.stderr
        assert "damaged" in done.stderr
    assert "damaged" in made("doctor").stdout
    assert made.database.read_bytes() == damaged


def test_an_empty_data_base_holds_no_studies(cli: Cli) -> None:
    cli.home.mkdir()
    cli.database.touch()
    for done in each(cli, LOOKING, code=2):
        assert "hpsearch run FILE" in done.stderr
    assert cli.database.stat().st_size == 0


def test_an_empty_home(cli: Cli) -> None:
    cli.home.mkdir()
    for done in each(cli, LOOKING, code=2):
        assert "hpsearch run FILE" in done.stderr
    assert cli.json("ls") == []
    assert "not created yet" in cli("doctor").stdout
    assert list(cli.home.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "lines"),
    [
        (f"postgresql://me:{PASSWORD}@127.0.0.1:{{port}}/studies", LOOKING + WRITING),
        (f"postgresql://me@127.0.0.1:{{port}}/studies?password={PASSWORD}", WRITING),
    ],
    ids=["as usual", "in the query"],
)
def test_a_server_that_is_away_and_a_password_that_is_never_shown(
    cli: Cli, url: str, lines: tuple[str, ...]
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # taken, but nobody listens
        url = url.format(port=closed.getsockname()[1])
        cli.study_file()
        # On the command line every user of the machine could read it.
        refused = cli("ls", "--storage", url, code=2).stderr
        assert "--storage: a password on the command line" in refused
        assert "PGPASSFILE" in refused
        assert "HPSEARCH_STORAGE" in refused
        shown = refused
        cli.variables["HPSEARCH_STORAGE"] = url
        for done in each(cli, lines, code=3):
            assert "127.0.0.1" in done.stderr
            assert "reachable" in done.stderr
            shown += done.stdout + done.stderr
        doctor = cli("doctor")
        assert "reachable" in doctor.stdout
        shown += doctor.stdout + doctor.stderr
    for path in cli.home.rglob("*"):
        if path.is_file():
            shown += path.read_bytes().decode("latin-1")
    for secret in (PASSWORD, "s3cr@t", "s3cr"):
        assert secret not in shown


def test_a_plain_study_of_optuna_is_left_alone(made: Cli) -> None:
    storage = optuna.storages.RDBStorage(f"sqlite:///{made.database}")
    plain = optuna.create_study(study_name="plain", storage=storage)
    plain.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    assert [row["name"] for row in made.json("ls")] == ["small"]
    made.study_file("plain")
    lines = ("show plain", "trials plain", "worker plain", "delete plain --yes", "run plain.toml")
    for done in each(made, lines, code=2):
        assert "was not made by hpsearch" in done.stderr
    again = optuna.load_study(study_name="plain", storage=storage)
    assert len(again.trials) == 2
    assert again.user_attrs == {}
    storage.remove_session()
    storage.engine.dispose()


# ---------------------------------------------------------------------- data and study file


def test_data_that_have_gone_or_changed_between_runs(cli: Cli) -> None:
    file = npz_study(cli)
    make_study(cli, file)
    assert "budget of 2 trials is met" in cli("run", file, process=False).stderr

    npz(cli.folder / "data.npz", first=0.5)
    run = cli("run", file, code=2)
    worker = cli("worker", "small", code=2)
    assert "the data itself in " in run.stderr
    assert "hpsearch delete small" in run.stderr
    assert "the data on this machine have fingerprint" in worker.stderr

    (cli.folder / "data.npz").unlink()
    for gone in (cli("run", file, code=2), cli("worker", "small", code=2)):
        assert "dataset.path" in gone.stderr
        assert "does not exist" in gone.stderr
        assert "--set dataset.path=" in gone.stderr

    npz(cli.folder / "moved.npz")
    moved = cli("run", file, "--set", "dataset.path=moved.npz", process=False)
    assert "budget of 2 trials is met" in moved.stderr


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none(cli: Cli, value: float) -> None:
    file = npz_study(cli)
    npz(cli.folder / "data.npz", first=value)
    done = cli("run", file, code=2)
    assert "data.npz" in done.stderr
    assert "x_train" in done.stderr
    assert not cli.database.exists()


def test_a_study_file_that_changed_between_runs(made: Cli) -> None:
    changes = {
        "seed": ["seed=5"],
        "training.epochs": ["training.epochs=9"],
        "space.layers.high": ["space.layers.high=5"],
        "dataset.scale": ["dataset.scale=unit"],
        "objective.metric": ["objective.metric=val_loss"],
    }
    options = [part for texts in changes.values() for text in texts for part in ("--set", text)]
    done = made("run", "small.toml", *options, code=2)
    assert len(done.stderr.splitlines()) == len(changes) + 2
    for key in changes:
        assert key in done.stderr
    assert "repeat the --set" in done.stderr
    options = [
        "--set",
        "budget.timeout=9000",
        "--set",
        "workers.count=7",
        "--set",
        "pruner.type=none",
    ]
    assert "budget of 2 trials is met" in made("run", "small.toml", *options, process=False).stderr
    shown = made.json("show", "small")
    assert shown["budget"]["timeout"] == 9000
    assert shown["study_file"]["workers"]["count"] == 7
    assert shown["study_file"]["pruner"]["type"] == "none"


# ---------------------------------------------------------------------- trials and pipes


BROKEN = """\
import sys
if "worker" in sys.orig_argv:
    from hpsearch.errors import Failure, TrialFailedError
    from hpsearch.workers import worker

    def train(recipe, parts, run, watch):
        raise {error}

    worker.keras_trainer = lambda *_, **__: train
"""


def break_training(cli: Cli, error: str) -> None:
    """Have workers train so that nothing comes of it but an error, as if installed so."""
    (cli.folder / "site").mkdir()
    (cli.folder / "site" / "sitecustomize.py").write_text(BROKEN.format(error=error))
    path = [str(cli.folder / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    cli.at_start["PYTHONPATH"] = os.pathsep.join(path)


def test_a_study_that_only_fails(cli: Cli) -> None:
    break_training(cli, "TrialFailedError(Failure.TIMEOUT, 'not done in time')")
    process = forked.start(cli, "run", cli.study_file(trials=2), "--workers", "1")
    out, err = process.communicate(timeout=100)
    assert process.returncode == 1, err
    assert "No trial completed" in err
    assert "hpsearch trials small" in err
    assert out == ""
    assert [trial["failure"] for trial in cli.rows()] == ["timeout", "timeout"]
    for none in each(cli, ("best small", "export small -o best.toml"), code=1):
        assert "no trial completed yet" in none.stderr
    assert "2 counted of 2" in cli("show", "small").stdout


def test_a_fault_of_the_program_is_told_with_the_last_words(cli: Cli) -> None:
    break_training(cli, "ZeroDivisionError('the trainer is broken')")
    process = forked.start(cli, "run", cli.study_file(), "--workers", "2")
    out, err = process.communicate(timeout=100)
    assert process.returncode == 4, err
    assert "ZeroDivisionError: the trainer is broken" in err
    assert str(cli.home / "logs" / "small" / "worker-") in err
    assert out == ""
    trials = cli.rows()
    assert {trial["failure"] for trial in trials} <= {"program_error", "interrupted", None}
    assert any(trial["failure"] == "program_error" for trial in trials)
    assert cli.details()["counted"] == 0
    assert cli.details()["running"] == 0


@pytest.mark.parametrize("line", ["ls", "show small", "trials small --json", "--help"])
def test_a_reader_that_goes_away(made: Cli, line: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with forked.start(made, *line.split(), stdout=writer) as process:
        os.close(writer)
        _, err = process.communicate(timeout=60)
    assert err == ""


def test_the_first_lines_of_a_long_list(made: Cli) -> None:
    with subprocess.Popen(
        ["/usr/bin/head", "-n", "2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as head:
        process = forked.start(made, "trials", "small", stdout=head.stdin)
        lines, _ = head.communicate(timeout=60)
        _, err = process.communicate(timeout=60)
    assert lines.split()[:2] == ["trial", "state"]
    assert err == ""


def test_the_runs_of_a_study_in_another_storage_are_not_written_over(cli: Cli) -> None:
    file = make_study(cli)
    before = sorted((cli.home / "runs").rglob("*"))
    refused = cli("run", file, "--storage", f"sqlite:///{cli.folder}/other.db", code=2)
    assert "holds runs of another study named small" in refused.stderr
    assert sorted((cli.home / "runs").rglob("*")) == before
    enqueued = cli("enqueue", "small", file, code=2)
    assert "is a study file" in enqueued.stderr


def test_an_error_that_cannot_be_written_is_told_by_the_exit_code(cli: Cli) -> None:
    """A worker's log lies on the disk that is full."""
    with Path("/dev/full").open("w") as full:
        process = forked.start(cli, "worker", "nothing", stderr=full)
        process.communicate(timeout=60)
    assert process.returncode == 2
