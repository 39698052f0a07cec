"""What the commands do, callable from Python: plain arguments, typed results, no terminal.

``workspace.Workspace`` says where things are, ``progress.Silent`` keeps quiet, ``jobs.Means`` and
``search.Settings`` say with what workers. What starts workers runs in the main thread.
"""
