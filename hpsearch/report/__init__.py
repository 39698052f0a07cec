"""The report: one page about a study that needs no network."""
