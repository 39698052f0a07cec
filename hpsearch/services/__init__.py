"""What the commands do, callable from Python: plain arguments, typed results, no terminal."""
