"""Databases of tests, emptied rather than made anew."""

import sqlalchemy as sa
from optuna.storages._rdb.models import BaseModel


def clear(url: str) -> None:
    """Leave a database as a new one that has tables and no studies."""
    tables = [table for table in BaseModel.metadata.sorted_tables if table.name != "version_info"]
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            for table in reversed(tables):
                connection.execute(table.delete())
            connection.execute(sa.text("DELETE FROM sqlite_sequence"))
        else:
            names = ", ".join(table.name for table in tables)
            connection.execute(sa.text("SET lock_timeout = '10s'"))
            connection.execute(sa.text(f"TRUNCATE {names} RESTART IDENTITY"))
