"""Training: the only home of Keras models and TensorFlow."""

import os

# TensorFlow and Keras read these when they are imported, which no module does before this one.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"
