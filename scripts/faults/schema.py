"""What schemathesis says of the service: every route of the description, right and wrong requests.

Run by hand: ``scripts/faults/schema.py [--examples N]``. Unlike in the tests, uploads, checks,
reports and exports are made by processes of their own.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "tests"))

from schemas import attack, operations  # of the tests
from served import service_of

from hpsearch.home import Home
from hpsearch.server import who


def main() -> int:
    """Ask, and print what was answered; 1 if anything of it is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100, help="of each route, right and wrong")
    parser.add_argument("--only", default="", help="routes in whose name this is")
    given = parser.parse_args()
    who.WRONG = 10**9  # it tries wrong tokens
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "data"
        root.mkdir()
        with service_of(Home(Path(folder) / "home"), data_root=root) as served:
            for operation in operations(served):
                if given.only not in operation.label:
                    continue
                began = time.monotonic()
                statuses, wrong = attack(served, operation, given.examples)
                told = ", ".join(f"{count} x {one}" for one, count in sorted(statuses.items()))
                seconds = time.monotonic() - began
                sys.stdout.write(f"{operation.label}: {told} ({seconds:.0f} s)\n")
                for text in dict.fromkeys(wrong):
                    sys.stdout.write(f"  WRONG: {text}\n")
                sys.stdout.flush()
                failed = failed or bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
