"""Public sets of images: the files of their makers, read as they are, or a download by Keras."""
