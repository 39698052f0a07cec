"""Worker processes and what supervises them."""
