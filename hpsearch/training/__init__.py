"""Training: the only home of Keras models and TensorFlow."""
