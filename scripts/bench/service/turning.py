"""``hpsearch serve`` for the bench of turns: its times are shorter, and it may train quickly.

    turning.py serve ...; turning.py worker ...

What differs comes in the environment variable ``HPSEARCH_FAULTS`` (``scripts/faults/process.py``).
"""

import json
import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "faults"))

from process import VARIABLE, Settings  # of the folder of the fault runs

from hpsearch import __main__
from hpsearch.server import policy, turns
from hpsearch.services import supervise

AGEING, SHORTEST_TURN, PASS_EVERY = 15.0, 2.0, 0.5
"""In place of ten minutes, ten seconds and two seconds: forty, five and four times as short."""


def shorten() -> None:
    """Have turns of this process pass as quickly."""
    policy.AGEING, policy.SHORTEST_TURN = AGEING, SHORTEST_TURN
    turns.PASS_EVERY = PASS_EVERY


if __name__ == "__main__":
    Settings(**json.loads(os.environ[VARIABLE])).apply()
    supervise.WORKER = (__file__, "worker")
    shorten()
    __main__.main()
