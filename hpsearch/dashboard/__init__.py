"""The dashboard: optuna-dashboard on a threaded server, with access control around it."""

import hpsearch.search.forests  # noqa: F401  # before optuna-dashboard is imported
