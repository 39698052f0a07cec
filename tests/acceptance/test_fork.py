"""What ``hpsearch fork`` refuses; what it does is a part of the story (test_story.py)."""

from pathlib import Path

from commandline import Cli
from made import make_study


def fork_file(cli: Cli, name: str, trials: int, **replaced: str) -> Path:
    """The study file of small with some of its text replaced."""
    text = cli.study_file(trials=trials).read_text().replace('name = "small"', f'name = "{name}"')
    for old, new in replaced.items():
        assert f"{old} = " in text
        lines = [f"{old} = {new}" if line.startswith(old) else line for line in text.splitlines()]
        text = "\n".join(lines)
    path = cli.folder / f"{name}.toml"
    path.write_text(text)
    return path


def test_what_a_fork_refuses(cli: Cli) -> None:
    file = make_study(cli)
    assert "study small: already exists" in cli("fork", "small", file, code=2).stderr
    assert "not found" in cli("fork", "smal", fork_file(cli, "new", 2), code=2).stderr
    other = cli("fork", "small", cli.folder / "new.toml", "--set", "training.epochs=9", code=2)
    assert "training.epochs: 3 -> 9" in other.stderr
    assert [study["name"] for study in cli.json("ls")] == ["small"]
    full = cli("fork", "small", cli.folder / "new.toml")
    assert "2 trials of small" in full.stdout
    assert "2 trials were taken over, and budget.trials = 2. To raise it: " in full.stderr
    cli("delete", "new", "--yes")
    assert not (cli.home / "runs" / "new").exists()
