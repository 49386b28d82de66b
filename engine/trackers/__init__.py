"""Readers of a run's events, in a process of their own, that hand them on to TensorBoard or Weights & Biases."""
