"""The steps around a search, each for itself, with the real command line."""

from commandline import Cli
from made import make_study


def test_from_init_to_a_page(cli: Cli) -> None:
    assert "hpsearch run" in cli("init", "first.toml").stdout
    assert "already" in cli("init", "first.toml", code=2).stderr
    checked = cli.json("check", "first.toml")
    models, whole = checked["models"], checked["time"]
    assert [model["model"] for model in models] == ["smallest", "middle", "largest"]
    assert all(model["failure"] is None and model["seconds_per_epoch"] > 0 for model in models)
    assert models[0]["parameters"] < models[1]["parameters"] < models[2]["parameters"]
    assert 0 < whole["least"] <= whole["seconds"] <= whole["most"]
    words = ("first.toml", "--trials", "1", "--workers", "1", "--set", "training.epochs=1")
    cli("run", *words, process=True)  # as a user does, with nothing imported ahead
    assert cli.json("show", "first")["counted"] == 1
    assert "it compiles" in cli("export", "first", "-o", "best.py").stdout
    assert "best.toml" in cli("export", "first", "-o", "best.toml").stdout
    cli("report", "first")
    assert "<section" in (cli.folder / "first.html").read_text()


def test_enqueue_is_tried_next(cli: Cli) -> None:
    cli.train_quickly()
    file = make_study(cli, cli.study_file(trials=1, epochs=1))
    (cli.folder / "mine.toml").write_text("layers = 2\nunits = [33, 44]\n")
    assert "budget" in cli("enqueue", "small", "mine.toml").stdout
    assert "nothing added" in cli("enqueue", "small", "mine.toml").stdout
    cli("run", file, "--trials", "2", "--workers", "1")
    assert cli.json("trials", "small")[1]["config"]["units"] == [33, 44]
    (cli.folder / "mine.toml").write_text("layers = 3\n")
    refused = cli("enqueue", "small", "mine.toml", code=2)
    assert "layers = 3 is not in the space" in refused.stderr


def test_delete_removes_the_study_and_its_files(cli: Cli) -> None:
    make_study(cli)
    assert (cli.home / "runs" / "small").exists()
    logs = cli.home / "logs" / "small"
    logs.mkdir(parents=True)
    (logs / "worker-0.log").write_text("ready")
    assert "ready" in cli("logs", "small").stdout
    cli("delete", "small", "--yes")
    assert cli.json("ls") == []
    assert not (cli.home / "runs" / "small").exists()
    assert not (cli.home / "logs" / "small").exists()
    assert "not found" in cli("show", "small", code=2).stderr
