"""A real MLflow server of the tests' own, on this machine alone."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from hpsearch.environment import for_child, python


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass(frozen=True)
class MlflowServer:
    """A server, asked as any client would."""

    url: str

    def post(self, path: str, **asked: Any) -> Any:
        """What its REST API answers."""
        body = json.dumps(asked).encode()
        request = Request(f"{self.url}/api/2.0/mlflow/{path}", body, method="POST")  # noqa: S310
        request.add_header("Content-Type", "application/json")
        return json.load(urlopen(request, timeout=20))  # noqa: S310  # our own

    def get(self, path: str) -> Any:
        """The same of what is only read."""
        return json.load(urlopen(f"{self.url}/api/2.0/mlflow/{path}", timeout=20))  # noqa: S310

    def runs(self) -> list[dict[str, Any]]:
        """Every run of every experiment: status, tags, params, last metrics, id."""
        experiments = self.get("experiments/search?max_results=100")["experiments"]
        ids = [one["experiment_id"] for one in experiments]
        found = self.post("runs/search", experiment_ids=ids, max_results=1000).get("runs", [])
        return [_plain(run) for run in found]

    def curve(self, run: str, metric: str) -> list[tuple[int, float]]:
        """Every value of a metric with its step."""
        told = self.get(f"metrics/get-history?run_id={run}&metric_key={metric}")
        return sorted((int(one.get("step", 0)), one["value"]) for one in told["metrics"])

    def files(self, run: str, folder: str = "") -> list[str]:
        """The names of a run's artifacts."""
        told = self.get(f"artifacts/list?run_id={run}&path={folder}")
        return sorted(one["path"] for one in told.get("files", []))


def _plain(run: dict[str, Any]) -> dict[str, Any]:
    info, data = run["info"], run["data"]
    named = {
        kind: {one["key"]: one["value"] for one in data.get(kind, [])}
        for kind in ("tags", "params", "metrics")
    }
    return {"id": info["run_id"], "name": info["run_name"], "status": info["status"], **named}


@contextmanager
def running_mlflow(folder: Path) -> Iterator[MlflowServer]:
    """MLflow's own server application for the block.

    ``mlflow server`` has it served by uvicorn, beside processes for jobs that nobody here asks for,
    which take half a minute to start on two cores; waitress serves it at once.
    """
    port = free_port()
    own = {
        "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{folder / 'server.db'}",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(folder / "artifacts"),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = python("-m", "waitress", f"--listen=127.0.0.1:{port}", "mlflow.server:app")
    with (
        (folder / "server.log").open("wb") as log,
        subprocess.Popen(
            command, env=for_child(own), stdout=log, stderr=log, cwd=folder
        ) as process,
    ):
        server = MlflowServer(f"http://127.0.0.1:{port}")
        try:
            _await(server)
            yield server
        finally:
            process.kill()


def _await(server: MlflowServer) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            urlopen(f"{server.url}/health", timeout=5)  # noqa: S310  # our own
        except (URLError, OSError):
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
