"""Tasks: what a network is for and by what it is judged, one file each; without Keras."""
