"""What services need of the process that calls them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.services.confirm import confirm
from hpsearch.services.progress import Silent
from hpsearch.services.search import Settings, search
from hpsearch.services.workspace import Workspace


def test_a_search_may_be_started_in_any_thread(tmp_path: Path) -> None:
    place = Workspace(home=Home(tmp_path))
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(search, tmp_path / "a.toml", Settings(), place, Silent())
        with pytest.raises(InputError, match=r"a\.toml: file not found"):
            done.result()


@pytest.mark.parametrize(("top", "seeds"), [(0, None), (-3, 5), (None, 1), (None, 0), (1, -1)])
def test_too_few_leaders_or_seeds_are_refused(
    tmp_path: Path, top: int | None, seeds: int | None
) -> None:
    with pytest.raises(InputError, match="at least one leader, with two seeds"):
        confirm("s", Workspace(home=Home(tmp_path)), Silent(), top=top, seeds=seeds)
