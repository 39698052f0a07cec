"""The dashboard: optuna-dashboard on a threaded server, with doors around it."""
