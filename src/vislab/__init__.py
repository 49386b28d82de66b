"""vislab: a training console for image classification that lives in the terminal."""

__version__ = "0.1.0"
