"""The networks in Keras, layer by layer as torchvision and timm have them."""

from itertools import repeat
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from side import Order

_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
"""Kernel, stride, expansion, channels and blocks of EfficientNet-Lite0's stages."""


def network(told: Order) -> keras.Model:
    """The model of a work; of a transfer only the head trains."""
    classes = told.work.classes
    inputs = keras.Input((told.work.size, told.work.size, 3 if told.work.jpeg else 1))
    match told.work.architecture:
        case "lenet5":
            return keras.Sequential([inputs, *lenet5()])
        case "alexnet32":
            return keras.Sequential([inputs, *alexnet32()])
        case "resnet18":
            return keras.Model(inputs, layers.Dense(classes)(resnet18(inputs)))
        case "efficientnet_lite0":
            assert told.weights is not None
            backbone = keras.Model(inputs, efficientnet_lite0(inputs))
            load(backbone, told.weights)
            backbone.trainable = False
            return keras.Model(inputs, layers.Dense(classes)(backbone(inputs, training=False)))
        case unknown:
            raise ValueError(unknown)


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


def resnet18(inputs: Any) -> Any:
    """ResNet-18 without its head: 512 features an image."""
    flow = layers.ReLU()(_normalised(inputs, 64, 7, 2))
    flow = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(flow))  # after ReLU no number is below zero
    for channels in (64, 128, 256, 512):
        for stride in (1 if channels == 64 else 2, 1):
            short = flow
            if stride == 2:
                short = _normalised(flow, channels, 1, stride)
            flow = layers.ReLU()(_normalised(flow, channels, 3, stride))
            flow = layers.ReLU()(layers.Add()([_normalised(flow, channels, 3, 1), short]))
    return layers.GlobalAveragePooling2D()(flow)


def _normalised(flow: Any, channels: int, kernel: int, stride: int) -> Any:
    """A convolution, padded alike on all sides as torch does it, and batch norm with torch's constants."""
    if stride == 2 and kernel > 1:
        flow = layers.ZeroPadding2D(kernel // 2)(flow)
    padding = "same" if stride == 1 else "valid"
    # He's, as torchvision draws these; one for each layer, for an initializer draws its seed but once.
    drawn = keras.initializers.VarianceScaling(2.0, mode="fan_out", distribution="untruncated_normal")
    convolution = layers.Conv2D(channels, kernel, stride, padding, use_bias=False, kernel_initializer=drawn)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(convolution(flow))


def efficientnet_lite0(inputs: Any) -> Any:
    """EfficientNet-Lite0 without its head, padded as TensorFlow does it: 1280 features an image."""
    flow = _lite(inputs, layers.Conv2D(32, 3, 2, "same", use_bias=False))
    for kernel, first, expansion, channels, blocks in _STAGES:
        for stride in (first, *repeat(1, blocks - 1)):
            short = flow
            if expansion > 1:
                flow = _lite(flow, layers.Conv2D(flow.shape[-1] * expansion, 1, use_bias=False))
            flow = _lite(flow, layers.DepthwiseConv2D(kernel, stride, "same", use_bias=False))
            flow = _lite(flow, layers.Conv2D(channels, 1, use_bias=False), activation=None)
            if short.shape == flow.shape:
                flow = layers.Add()([flow, short])
    return layers.GlobalAveragePooling2D()(_lite(flow, layers.Conv2D(1280, 1, use_bias=False)))


def _lite(flow: Any, convolution: Any, activation: str | None = "relu6") -> Any:
    """A convolution of EfficientNet-Lite0 with what follows it."""
    flow = layers.BatchNormalization(epsilon=1e-3)(convolution(flow))
    return flow if activation is None else layers.Activation(activation)(flow)


def load(backbone: keras.Model, weights: Path) -> None:
    """Take the weights of the same network from torch's file: its tensors in the order of the layers.

    torch is imported for this alone: a second or two of the whole command that an own file of Keras would not take.
    """
    import torch

    tensors = iter(torch.load(weights, map_location="cpu", weights_only=True).values())
    for layer in backbone.layers:
        if layer.weights:
            axes = (2, 3, 0, 1) if isinstance(layer, layers.DepthwiseConv2D) else (2, 3, 1, 0)
            own = [next(tensors).numpy() for _ in layer.weights]
            layer.set_weights([np.transpose(one, axes) if one.ndim == 4 else one for one in own])
        if isinstance(layer, layers.BatchNormalization):
            next(tensors)  # how many batches it has seen
    assert [tuple(tensor.shape) for tensor in tensors] == [(1000, 1280), (1000,)]  # the old head alone is left


def size(model: keras.Model) -> int:
    """Numbers in a model's parameters as torch counts them: means and variances of batch norm are none."""
    moving = ("moving_mean", "moving_variance")
    return sum(int(np.prod(weight.shape)) for weight in model.weights if weight.name not in moving)
