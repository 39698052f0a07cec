"""What is said of running the service: the unit, the image, and the names of its metrics."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from served import Served

TOP = Path(__file__).resolve().parents[3]
PAGE = (TOP / "hpsearch" / "server" / "running.md").read_text()


def pinned(name: str) -> set[str]:
    text = (TOP / name).read_text()
    return set(re.findall(r"^([a-z0-9][\w.-]*==\S+)", text, re.MULTILINE))


def test_the_page_names_every_metric_and_no_other(served: Served) -> None:
    told = set(re.findall(r"`(hpsearch_\w+?)(?:_total)?(?:\{[\w,]+\})?`", PAGE))
    families = served.ask("GET", "/metrics", "read").text
    known = set(re.findall(r"^# TYPE (hpsearch_\w+?)(?:_total)? ", families, re.MULTILINE))
    assert told == known


def test_the_image_has_versions_of_the_lock_file() -> None:
    image = pinned("scripts/serve.lock")
    assert image < pinned("requirements.lock")
    names = {one.partition("==")[0] for one in image}
    assert {"fastapi", "uvicorn", "prometheus-client", "psycopg", "tensorflow"} <= names
    assert not {"pytest", "mypy", "playwright"} & names


def test_the_containers_let_nobody_in_from_outside_and_hold_no_password() -> None:
    text = (TOP / "scripts" / "compose.yaml").read_text()
    services = yaml.safe_load(text)["services"]
    assert services["serve"]["ports"] == ["127.0.0.1:8080:8080"]
    assert "ports" not in services["db"]
    for one in services.values():
        assert one["healthcheck"]
        passwords = [value for key, value in one["environment"].items() if "PASSWORD" in key]
        assert all(value.startswith("${HPSEARCH_DB_PASSWORD:?") for value in passwords)
    image = (TOP / "scripts" / "Containerfile").read_text()
    assert "--require-hashes" in image
    assert image.index("USER 10001") < image.index("ENTRYPOINT")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_the_unit_is_right_and_exposes_little(tmp_path: Path) -> None:
    text = (TOP / "scripts" / "hpsearch.service").read_text()
    unit = tmp_path / "hpsearch.service"
    # What it starts, and the page that it names, are elsewhere.
    text = text.replace("/opt/hpsearch/.venv/bin/hpsearch", "/bin/true")
    unit.write_text(text.replace("Documentation=file://", "Documentation=https://example.org"))
    for words in (["verify"], ["security", "--offline=yes", "--threshold=25"]):
        done = subprocess.run(
            ["systemd-analyze", *words, unit],  # noqa: S607  # where it is differs
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
