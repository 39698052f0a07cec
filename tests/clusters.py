"""A real Ray cluster of the tests' own, on loopback."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

CLUSTER = """
import json, sys
from ray.cluster_utils import Cluster
options = {"num_cpus": 2, "num_gpus": 2, "node_ip_address": "127.0.0.1"}
options["include_log_monitor"] = False  # nobody reads logs or pages of this cluster
head = options | {"include_dashboard": False, "no_monitor": True}
cluster = Cluster(initialize_head=True, head_node_args=head)
other = cluster.add_node(**options)
raylet = other.all_processes["raylet"][0].process.pid
print(json.dumps({"address": cluster.address, "raylet": raylet}), flush=True)
sys.stdin.read()
cluster.shutdown()
"""


@dataclass(frozen=True)
class Cluster:
    """Two nodes on this machine, each with two cores and two GPUs that are only declared."""

    address: str
    raylet: int
    """The pid of the second node's raylet."""


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A cluster for the block, in processes of its own."""
    # Where the nodes are told 127.0.0.1, they listen there and nowhere else.
    told = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    told["RAY_prestart_worker_first_driver"] = "0"  # as many idle processes as there are cores
    with subprocess.Popen(
        [sys.executable, "-c", CLUSTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | told,
    ) as process:
        try:
            assert process.stdout
            yield Cluster(**json.loads(process.stdout.readline()))
            process.communicate(timeout=60)
        finally:
            process.kill()
