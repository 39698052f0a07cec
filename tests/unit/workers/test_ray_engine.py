"""What Ray is asked for; the rest of the engine is tested with a real Ray (acceptance)."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from hpsearch.study_file import StudyFile
from hpsearch.workers.packing import Load
from hpsearch.workers.slots import WORKER_MEMORY

engine = pytest.importorskip("hpsearch.workers.ray_engine")
PLENTY = 100 * WORKER_MEMORY


def load_of(private_bytes: int = 0) -> Load:
    return Load(
        parameters=1, model_bytes=1, output_bytes=1, data_bytes=1, private_bytes=private_bytes
    )


@pytest.mark.parametrize(
    ("nodes", "workers", "most", "expected"),
    [
        # On the CPU a worker for each core, in as much memory as there is.
        ([(4, 0, PLENTY), (2, 0, PLENTY)], {}, 100, (6, 1, 0)),
        ([(4, 0, 2 * WORKER_MEMORY), (2, 0, PLENTY)], {}, 100, (4, 1, 0)),
        ([(8, 0, WORKER_MEMORY // 2)], {}, 100, (1, 8, 0)),
        # No more than there are trials; who is fewer has more cores.
        ([(4, 0, PLENTY), (4, 0, PLENTY)], {}, 2, (2, 4, 0)),
        ([(4, 0, PLENTY), (4, 0, PLENTY)], {"count": 4}, 100, (4, 2, 0)),
        # More than there is room for: they wait, which an autoscaler sees.
        ([(2, 0, PLENTY)], {"count": 16}, 100, (16, 1, 0)),
        # A GPU each, or a part of one, with the cores that are there; nodes without one get none.
        ([(8, 2, 0), (8, 2, 0)], {}, 100, (4, 4, 1)),
        ([(8, 2, 0), (8, 0, 0)], {"per_gpu": 2}, 100, (4, 2, 2)),
        ([(2, 4, 0)], {}, 100, (2, 1, 1)),
    ],
)
def test_how_many_workers_a_cluster_gets(
    make_file: Callable[..., StudyFile],
    nodes: list[tuple[int, int, int]],
    workers: dict[str, int],
    most: int,
    expected: tuple[int, int, int],
) -> None:
    """Nodes have cores, GPUs and memory; expected are workers, and threads and workers a GPU."""
    cluster = engine.Cluster(nodes=tuple(engine.Node(*node) for node in nodes), is_ours=False)
    wanted, portion = engine.lay_out(
        cluster, make_file(workers=workers), load_of(), most, use_gpus=True
    )
    assert (wanted, portion.threads, portion.per_gpu) == expected
    _, threads, per_gpu = expected
    assert portion.options["num_cpus"] == threads
    assert portion.options["num_gpus"] == (1 / per_gpu if per_gpu else 0)


def test_without_gpus_and_with_data_of_their_own(make_file: Callable[..., StudyFile]) -> None:
    cluster = engine.Cluster(nodes=(engine.Node(8, 2, 4 * WORKER_MEMORY),), is_ours=False)
    private = load_of(WORKER_MEMORY // 3)
    assert engine.lay_out(cluster, make_file(), private, 9, use_gpus=False)[0] == 2
    assert engine.lay_out(cluster, make_file(), private, 9, use_gpus=True)[0] == 2


def test_a_cluster_of_another_user_is_not_joined_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert not engine._is_started_here()
    (tmp_path / "ray").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        (tmp_path / "ray" / "ray_current_cluster").write_text(address)
        assert engine._is_started_here()
        me = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: me + 1)
        assert not engine._is_started_here()
    monkeypatch.setattr(os, "getuid", lambda: me)
    assert not engine._is_started_here()  # it has ended
