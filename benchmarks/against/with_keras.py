"""The same with Keras on TensorFlow, from arrays in memory."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from side import Clock, order

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf
from keras import layers


def lenet5() -> list[Any]:
    """LeNet-5 with ReLU and max pooling."""
    return [
        layers.Conv2D(6, 5, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(16, 5, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(120, activation="relu"),
        layers.Dense(84, activation="relu"),
        layers.Dense(10),
    ]


def alexnet32() -> list[Any]:
    """AlexNet with a small stem. At 32 px the last map is 3 x 3, which torch's average pool spreads to 6 x 6."""
    return [
        layers.Conv2D(64, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(3, strides=2),
        layers.Conv2D(192, 5, padding="same", activation="relu"),
        layers.MaxPooling2D(3, strides=2),
        layers.Conv2D(384, 3, padding="same", activation="relu"),
        layers.Conv2D(256, 3, padding="same", activation="relu"),
        layers.Conv2D(256, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(3, strides=2),
        layers.UpSampling2D(2),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(4096, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(4096, activation="relu"),
        layers.Dense(10),
    ]


NETWORKS: dict[str, Callable[[], list[Any]]] = {"lenet5": lenet5, "alexnet32": alexnet32}


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
    training, testing = (arrays(told.data, part, told.work.size) for part in ("train", "t10k"))
    inputs = keras.Input((told.work.size, told.work.size, 1))
    model = keras.Sequential([inputs, *NETWORKS[told.work.architecture]()])
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    history = model.fit(
        *training,
        batch_size=told.work.batch,
        epochs=told.epochs,
        validation_data=testing,
        callbacks=[Marks(clock)],
        verbose=2,
    )
    clock.report(parameters=model.count_params(), accuracy=history.history["val_accuracy"][-1])


if __name__ == "__main__":
    main()
