"""Judging a trained model. Needs torch."""
