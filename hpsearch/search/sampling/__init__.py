"""Sampling and pruning: the configuration of each trial, and which trials end early."""
