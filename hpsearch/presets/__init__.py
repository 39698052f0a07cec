"""Presets: what is searched, and tried first, where a study file has no ``[space]``."""
