"""The same with Keras on TensorFlow, from arrays in memory or from a folder of pictures.

Pictures are read as Keras's tutorial on image classification does it, in the faster order of TensorFlow's guide to data
performance: decoded and normalised by all cores and kept in memory, from where each epoch shuffles them anew. So Keras
decodes once, as vislab does, while the sides on torch decode in each epoch.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
from side import Clock, Order, order

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf
from keras_networks import network, size

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class Marks(keras.callbacks.Callback):
    """Marks the ends of epochs; Keras validates before it ends one."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Training begins."""
        self._clock.mark()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """An epoch is over."""
        self._clock.mark()


def data(told: Order) -> dict[str, Any]:
    """Training and test images, as `fit` takes them."""
    if told.work.jpeg:
        training, testing = (pictures(told.data / part, told.work.size) for part in ("train", "test"))
        training = training.shuffle(len(training))
        training, testing = (one.batch(told.work.batch).prefetch(tf.data.AUTOTUNE) for one in (training, testing))
        return {"x": training, "validation_data": testing}
    training, testing = (arrays(told.data, part, told.work.size) for part in ("train", "t10k"))
    return {"x": training[0], "y": training[1], "batch_size": told.work.batch, "validation_data": testing}


def pictures(folder: Path, size: int) -> Any:
    """Images float32 [size, size, 3] and labels of a folder a class, decoded in the first epoch.

    They are the middle squares of the pictures, as on the other sides, but resized without antialiasing, which this
    reader of Keras does not know. On smooth pictures that is no difference: half a grey level in the mean, either way.
    """
    mean, std = _IMAGENET
    images = keras.utils.image_dataset_from_directory(
        folder, image_size=(size, size), crop_to_aspect_ratio=True, batch_size=None, shuffle=False
    )
    normalised = images.map(lambda image, label: ((image / 255 - mean) / std, label), tf.data.AUTOTUNE)
    return normalised.cache()


def arrays(folder: Path, part: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Images float32 [N, size, size, 1] in -1…1, labels int64 [N]."""
    images = np.frombuffer((folder / f"{part}-images-idx3-ubyte").read_bytes(), np.uint8, offset=16)
    labels = np.frombuffer((folder / f"{part}-labels-idx1-ubyte").read_bytes(), np.uint8, offset=8)
    pixels = images.reshape(-1, 28, 28, 1).astype(np.float32)
    if size != 28:
        pixels = tf.image.resize(pixels, (size, size)).numpy()
    return pixels / 127.5 - 1, labels.astype(np.int64)


def main() -> None:
    """Train, evaluating after each epoch."""
    told = order()
    tf.config.threading.set_intra_op_parallelism_threads(told.threads)
    tf.config.threading.set_inter_op_parallelism_threads(told.threads)
    keras.utils.set_random_seed(told.seed)
    clock = Clock()
    images = data(told)
    model = network(told)
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    history = model.fit(**images, epochs=told.epochs, callbacks=[Marks(clock)], verbose=2)
    clock.report(parameters=size(model), accuracy=history.history["val_accuracy"][-1])


if __name__ == "__main__":
    main()
