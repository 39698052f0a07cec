"""Tables: files of columns read, their kinds found, rows stored as numbers, and looked at."""
