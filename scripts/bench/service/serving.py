"""``hpsearch serve`` without workers of its own, for benchmarks whose workers are other processes.

serving.py serve --home HOME --port 0 ...
"""

import argparse
import sys
from pathlib import Path

from hpsearch.home import Home
from hpsearch.server.serve import serve
from hpsearch.server.settings import Settings
from hpsearch.services.workspace import Workspace


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command")
    parser.add_argument("--home", type=Path, required=True)
    given, _ = parser.parse_known_args()

    def tell(text: str) -> None:
        print(text, flush=True)

    workspace = Workspace(home=Home(given.home))
    sys.exit(serve(Settings(port=0), (), workspace, tell, lambda _: None))


if __name__ == "__main__":
    main()
