"""Data sets: each source is read once into one cached Dataset. No Keras models here."""
