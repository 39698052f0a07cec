"""One service at a time works on a storage, whatever becomes of its database's server."""

import os

import pytest
import sqlalchemy as sa

from hpsearch.errors import InputError
from hpsearch.search.database.exclusive import serving

pytestmark = pytest.mark.timeout(180)


def test_the_second_service_is_refused_until_the_first_has_ended(url: str) -> None:
    named = f"another hpsearch serve .process {os.getpid()} on .*; end it first"
    for _ in range(2):
        with serving(url) as keeps:
            assert keeps()
            with pytest.raises(InputError, match=named) as refused, serving(url, patience=0):
                pass
            assert refused.value.exit_code == 2


def cut(url: str) -> None:
    """Have the database's server end all connections."""
    query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"{query} AND datname = current_database()")


def test_a_storage_whose_server_was_away_is_taken_again(postgres: str) -> None:
    with serving(postgres) as keeps:
        cut(postgres)
        assert keeps()
        assert keeps()
        with pytest.raises(InputError), serving(postgres, patience=0):
            pass


def test_who_comes_first_when_the_server_is_back_has_the_storage(postgres: str) -> None:
    with serving(postgres) as first:
        cut(postgres)
        with serving(postgres) as second:
            assert not first()
            assert second()
