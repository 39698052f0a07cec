"""The dashboard: optuna-dashboard on a threaded server, with doors around it."""

import hpsearch.search.forests  # noqa: F401  # before optuna-dashboard is imported
