"""The search: Optuna studies, budgets, samplers and pruners. No Keras here."""
