"""Scripts: a recipe as one Python file that trains it without hpsearch."""
