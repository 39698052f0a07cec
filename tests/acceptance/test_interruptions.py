"""Signals, kills and company: the budget stays exact and nothing is left running.

Workers train without TensorFlow, but where it is cut off itself: by a signal, by a kill, and where
it goes on from its checkpoint.
"""

import os
import pty
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import forked
import psutil
import pytest
from commandline import Cli, wait_until
from dashboards import token_of
from made import make_study
from web import ask

from hpsearch.errors import HpsearchError
from hpsearch.search.attributes import BUDGET_KEY
from hpsearch.search.lookup import load_study
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.trials import is_running, row


def running(cli: Cli, epoch: int = 1, name: str = "slow") -> Any:
    """The trials of the study that run and have reported ``epoch``; None before the first.

    Read from the database: a command takes so long to start that trials may be over by then.
    """
    try:
        storage = open_storage(f"sqlite:///{cli.database}", create=False)
        study = load_study(storage, name)
    except HpsearchError:  # not there yet
        return None
    rows = [row(study, trial) for trial in study.trials() if is_running(trial)]
    storage.close()
    return [found for found in rows if (found["epochs"] or 0) >= epoch]


def suspend_outside_a_transaction(cli: Cli, worker: psutil.Process) -> None:
    """Suspend a worker that does not hold the lock of SQLite just now, or nobody could write."""

    def is_suspended_and_database_free() -> bool:
        worker.suspend()
        with closing(sqlite3.connect(cli.database, timeout=0.5)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                worker.resume()
                return False
            connection.rollback()
        return True

    wait_until(is_suspended_and_database_free, "a worker that stands still outside a transaction")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the digits are imported and split, which takes scikit-learn and seconds."""
    cli = Cli(tmp_path_factory.mktemp("digits"))
    cli("data", cli.study_file())
    return cli.home / "datasets"


@pytest.fixture
def cli(cli: Cli, digits: Path) -> Cli:
    """The command line, with data and with workers that train without TensorFlow."""
    shutil.copytree(digits, cli.home / "datasets")
    cli.train_quickly(seconds=0.2)
    return cli


def slow_study(cli: Cli, trials: int, epochs: int = 20) -> Path:
    """A study whose trials are long enough to be cut off: many epochs, no early stopping."""
    file = cli.study_file("slow", trials=trials, epochs=epochs)
    text = file.read_text().replace("[training]\n", "[training]\nearly_stopping = false\n")
    file.write_text(text + '\n[pruner]\ntype = "none"\n')
    return file


def finish(cli: Cli, file: Path, trials: int) -> list[dict[str, Any]]:
    """Run the study to its end; exactly the budget must have been counted."""
    cli("run", file, "--workers", "1")
    shown = cli.details("slow")
    assert shown["counted"] == shown["complete"] == trials
    assert shown["running"] == shown["waiting"] == 0
    listed: list[dict[str, Any]] = cli.rows("slow")
    return listed


def stopped_in_mid_trial(
    cli: Cli, process: "subprocess.Popen[str]", number: signal.Signals, *, epoch: int = 1
) -> list[dict[str, Any]]:
    """Send a signal to the run of a study; the trials that were cut off wait to go on."""
    cut: list[dict[str, Any]] = wait_until(lambda: running(cli, epoch), f"a trial in epoch {epoch}")
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert "the same command resumes" in err
    assert "Traceback" not in err
    shown = cli.details("slow")
    assert shown["running"] == 0
    assert shown["waiting"] >= len(cut)
    return cut


def test_a_service_manager_stops_it_in_mid_trial(cli: Cli) -> None:
    run = cli.start("run", slow_study(cli, trials=2), "--workers", "2")
    stopped_in_mid_trial(cli, run, signal.SIGTERM)


def test_stopped_in_mid_trial_and_run_again(cli: Cli) -> None:
    """What was cut off goes on where it stood."""
    cli.train_with_tensorflow()
    # 120 epochs were over once before the signal was noticed.
    file = slow_study(cli, trials=1, epochs=400)
    run = forked.start(cli, "run", file, "--workers", "1", trains=True)
    cut = stopped_in_mid_trial(cli, run, signal.SIGINT, epoch=3)
    checkpoints = {path.parent.name for path in cli.home.glob("runs/slow/*/checkpoint.npz")}
    assert {f"trial-{trial['number']:05d}" for trial in cut} <= checkpoints

    trials = finish(cli, file, 1)
    interrupted = [t for t in trials if t["failure"] == "interrupted"]
    assert {t["number"] for t in cut} <= {t["number"] for t in interrupted}
    done = {t["number"]: t["config"] for t in trials if t["state"] == "complete"}
    assert all(t["config"] in done.values() for t in interrupted)
    log = cli("logs", "slow", "-n", "200").stdout
    resumed = re.findall(r"trial (\d+) resumes after epoch (\d+)", log)
    assert len(resumed) >= len(cut)
    assert max(int(after) for _, after in resumed) >= max(t["epochs"] for t in cut) >= 3
    for number in done:
        curves = cli.home / "runs" / "slow" / f"trial-{number:05d}" / "curves.csv"
        epochs = [line.partition(",")[0] for line in curves.read_text().splitlines()[1:]]
        assert epochs == [str(epoch) for epoch in range(1, 401)]
    assert list(cli.home.glob("runs/slow/*/*checkpoint*")) == []  # nobody needs them any more


def test_a_second_ctrl_c_ends_at_once(cli: Cli) -> None:
    process = forked.start(cli, "run", slow_study(cli, trials=2), "--workers", "1")
    wait_until(lambda: running(cli), "a running trial")
    (worker,) = forked.children(process)
    worker.suspend()  # it cannot leave in good order
    process.send_signal(signal.SIGINT)
    assert process.stderr
    assert any("Ctrl-C again" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert not worker.is_running()
    assert cli.details("slow")["running"] == 0


def test_a_killed_worker_is_replaced(cli: Cli) -> None:
    file = slow_study(cli, trials=1)
    process = forked.start(cli, "run", file, "--workers", "1")
    cut = wait_until(lambda: running(cli), "a running trial")
    (worker,) = forked.children(process)
    worker.kill()
    _, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    trials = cli.rows("slow")
    assert [t["failure"] for t in trials if t["number"] == cut[0]["number"]] == ["interrupted"]
    assert [t["state"] for t in trials].count("complete") == 1


def test_a_killed_run_takes_workers_and_dashboard_along_and_is_mended(cli: Cli) -> None:
    file = slow_study(cli, trials=1)
    process = forked.start(cli, "run", file, "--workers", "1", "--dashboard")
    wait_until(lambda: running(cli), "a running trial")
    assert process.stderr
    line = next(line for line in process.stderr if line.startswith("dashboard "))
    address = line.split()[1]
    bearer = {"Authorization": f"Bearer {token_of(address)}"}
    assert ask(address, "/api/studies", **bearer).status == 200
    children = forked.children(process)
    assert len(children) == 2
    process.kill()
    process.communicate(timeout=30)
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive
    finish(cli, file, 1)


def test_everything_killed_at_once_is_mended(cli: Cli) -> None:
    file = slow_study(cli, trials=2)
    process = forked.start(cli, "run", file, "--workers", "2")
    wait_until(lambda: running(cli), "a running trial")
    workers = forked.children(process)
    process.kill()
    for worker in workers:
        worker.kill()
    process.communicate(timeout=30)
    assert cli.details("slow")["running"] >= 1
    finish(cli, file, 2)


def test_stop_reaches_every_worker(cli: Cli) -> None:
    file = slow_study(cli, trials=3, epochs=2000)
    process = forked.start(cli, "run", file, "--workers", "1")
    wait_until(lambda: running(cli), "a running trial")
    by_hand = forked.start(cli, "worker", "slow", start_new_session=True)
    wait_until(lambda: len(running(cli) or ()) == 2, "two running trials")
    shown = cli.details("slow")["workers"]
    assert {worker["pid"] for worker in shown} == {
        by_hand.pid, *(child.pid for child in forked.children(process))
    }  # fmt: skip
    assert all(worker["device"] for worker in shown)
    assert all(0 <= worker["silent"] < 60 for worker in shown)
    table = cli("show", "slow").stdout
    assert re.search(rf":{by_hand.pid} .* s ago", table)

    stopped = cli("stop", "slow")
    assert stopped.stdout.startswith(
        "Stopped study slow: 0 of 3 trials done, 2 waiting. To resume it:"
    )
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert "Stopping (hpsearch stop)" in err
    _, err = by_hand.communicate(timeout=60)
    assert by_hand.returncode == 0, err
    shown = cli.details("slow")
    assert (shown["running"], shown["stop"], shown["workers"]) == (0, "leave", [])
    assert "was stopped" in cli("worker", "slow").stderr  # it does not start again by itself
    process = forked.start(cli, "run", file, "--workers", "1")  # but whoever wants it can
    wait_until(lambda: running(cli), "a running trial")
    assert cli.details("slow")["stop"] is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)


def test_stop_now_ends_who_is_stuck(cli: Cli) -> None:
    file = slow_study(cli, trials=1, epochs=2000)
    process = forked.start(cli, "run", file, "--workers", "1")
    wait_until(lambda: running(cli), "a running trial")
    (worker,) = forked.children(process)
    suspend_outside_a_transaction(cli, worker)
    cli("stop", "slow", "--now")
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert not worker.is_running()
    assert cli.details("slow")["running"] == 0


def test_a_study_is_not_deleted_under_its_run_but_where_that_is_wanted(cli: Cli) -> None:
    process = forked.start(cli, "run", slow_study(cli, trials=1, epochs=2000), "--workers", "1")
    wait_until(lambda: cli.database.exists() and running(cli), "a running trial")
    refused = cli("delete", "slow", "--yes", code=2).stderr
    assert "stop that first: hpsearch stop slow" in refused
    cli("delete", "slow", "--yes", "--force")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    assert err.count("study slow: was deleted meanwhile") == 1
    assert "Traceback" not in err


def test_a_study_is_deleted_as_soon_as_it_is_stopped(cli: Cli) -> None:
    process = forked.start(cli, "run", slow_study(cli, trials=1, epochs=2000), "--workers", "1")
    wait_until(lambda: running(cli), "a running trial")
    cli("stop", "slow")
    cli("delete", "slow", "--yes")
    process.communicate(timeout=60)
    assert process.returncode == 143


def test_a_database_that_is_replaced_under_a_run(cli: Cli) -> None:
    process = forked.start(cli, "run", slow_study(cli, trials=1, epochs=2000), "--workers", "1")
    wait_until(lambda: running(cli), "a running trial")
    cli("storage", "backup", cli.folder / "backup.db")
    (cli.folder / "backup.db").replace(cli.database)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    assert "studies.db: was replaced by another file while it was in use" in err
    assert "Traceback" not in err


def test_ctrl_c_is_heard_where_a_shell_ignores_it_in_the_background(cli: Cli) -> None:
    file = slow_study(cli, trials=1, epochs=2000)
    ignoring = ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh"]
    process = subprocess.Popen(
        [*ignoring, sys.executable, "-m", "hpsearch", *cli.words(["run", file])],
        cwd=cli.folder, env=cli.environment_of_a_process(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    cli.started.append(psutil.Process(process.pid))
    wait_until(lambda: running(cli), "a running trial")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert cli.details("slow")["running"] == 0


@pytest.mark.parametrize("ignored", [False, True], ids=["closed", "nohup"])
def test_a_terminal_that_is_closed(cli: Cli, ignored: bool) -> None:
    """The run is the leader of a terminal's session, as from a window, ssh or tmux."""
    file = (
        cli.study_file(trials=2, epochs=15) if ignored else slow_study(cli, trials=1, epochs=2000)
    )

    reader, writer = pty.openpty()
    command = cli.words(["run", file, "--workers", "1"])
    variables = cli.environment_of_a_process() | {"TERM": "xterm"}
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), writer)
    process: subprocess.Popen[Any]
    if ignored:
        nohup = ["/usr/bin/setsid", "-c", "nohup", sys.executable, "-m", "hpsearch"]
        process = subprocess.Popen([*nohup, *command], cwd=cli.folder, env=variables, **streams)
        cli.started.append(psutil.Process(process.pid))
    else:
        process = forked.start(cli, *command, env=variables, start_new_session=True, **streams)
    os.close(writer)
    name = "small" if ignored else "slow"
    wait_until(lambda: running(cli, name=name), "a running trial")
    os.close(reader)
    assert process.wait(100) == (0 if ignored else 143)
    shown = cli.details(name)
    assert shown["running"] == 0
    assert shown["counted"] == (2 if ignored else 0)


def test_as_the_first_process_of_a_container(cli: Cli) -> None:
    """PID 1 gets no signal that it has not asked for, and its end is everybody's."""
    unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not make a namespace for processes")
    command = cli.words(["run", slow_study(cli, trials=1, epochs=2000), "--workers", "1"])
    outside = subprocess.Popen(
        [*unshare, sys.executable, "-m", "hpsearch", *command],
        cwd=cli.folder, env=cli.environment_of_a_process(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    cli.started.append(psutil.Process(outside.pid))
    wait_until(lambda: running(cli), "a running trial")
    (first,) = psutil.Process(outside.pid).children()
    first.terminate()
    _, err = outside.communicate(timeout=60)
    assert outside.returncode == 143, err
    assert "the same command resumes" in err
    assert cli.details("slow")["running"] == 0


def test_a_second_run_joins_the_first(cli: Cli) -> None:
    file = cli.study_file(trials=6, epochs=10)
    both = [forked.start(cli, "run", file, "--workers", "1") for _ in range(2)]
    ends = [process.communicate(timeout=110) for process in both]
    assert [process.returncode for process in both] == [0, 0], ends
    assert sum("Started study small" in err for _, err in ends) == 1
    shown = cli.details()
    assert shown["counted"] == 6
    assert len({t["worker"] for t in cli.rows()}) == 2


def test_a_worker_typed_by_hand(cli: Cli) -> None:
    make_study(cli, cli.study_file(trials=1, epochs=1))
    storage = open_storage(f"sqlite:///{cli.database}")
    load_study(storage, "small").optuna.set_user_attr(BUDGET_KEY, {"trials": 2})
    storage.close()
    worker = cli("worker", "small")
    assert "the worker's device is" in worker.stderr
    assert "trial 1 ends" in worker.stderr
    assert "exits" in worker.stderr
    assert cli.details()["counted"] == 2


def test_a_live_view_on_a_terminal(cli: Cli) -> None:
    file = cli.study_file(trials=2, epochs=2)
    reader, writer = pty.openpty()
    variables = cli.environment_of_a_process() | {"TERM": "xterm", "COLUMNS": "80"}
    process = forked.start(cli, "run", file, "--workers", "1", env=variables, stderr=writer)
    os.close(writer)
    shown = b""
    while True:
        try:
            shown += os.read(reader, 65536)
        except OSError:  # the terminal's other end is closed
            break
    out, _ = process.communicate(timeout=60)
    os.close(reader)
    assert process.returncode == 0
    assert b"of 2 trials" in shown
    assert b"best: 0." in shown
    assert b"Traceback" not in shown
    assert out.startswith("val_accuracy 0.")
