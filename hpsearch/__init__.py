"""hpsearch: a hyperparameter search service for Keras networks, built on Optuna."""

__version__ = "0.1.0"
