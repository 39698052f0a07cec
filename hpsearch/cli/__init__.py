"""The command line: a typer app, one small file for each group of commands."""
