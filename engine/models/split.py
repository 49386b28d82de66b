"""Where a network is cut into its frozen part and its head, so that each can run without the other."""

from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from vislab.engine.models.network import in_evaluation


class Inseparable(Exception):  # noqa: N818  (a fact about the network, not an error)
    """The head does not begin where the frozen part ends; the text says why, as the end of a sentence."""


class _Reached(Exception):  # noqa: N818  (ends a forward pass in front of the head)
    def __init__(self, features: Tensor) -> None:
        super().__init__()
        self.features = features


@dataclass(frozen=True)
class Split:
    """The cut in front of a network's head. Made by `split`, which has tried it.

    Attributes:
        head: dotted name of the module that turns features into logits.
    """

    head: str

    def features(self, model: nn.Module, images: Tensor) -> Tensor:
        """What the head would be given: images, float [B, C, S, S] -> features, [B, ...]. The head does not run."""

        def stop(_: nn.Module, given: tuple[Tensor]) -> NoReturn:
            raise _Reached(given[0])

        handle = model.get_submodule(self.head).register_forward_pre_hook(stop)
        try:
            model(images)
        except _Reached as reached:
            return reached.features
        finally:
            handle.remove()
        raise AssertionError("the forward pass ended without the head")

    def logits(self, model: nn.Module, features: Tensor) -> Tensor:
        """What the head makes of features, [B, ...] -> logits, [B, num_classes]."""
        logits: Tensor = model.get_submodule(self.head)(features)
        return logits


@torch.no_grad()
def split(model: nn.Module, head: tuple[str, ...], images: Tensor) -> Split:
    """Cut a network in front of its head, after trying that both parts together are the whole.

    Args:
        model: in the modes in which its head is trained: everything below the head in evaluation mode.
        head: dotted names of the modules of the head.
        images: float [B, C, S, S] to try it with, varied and more than one, on the model's device.

    Raises:
        Inseparable: the head has several parts; it is not called once, with one tensor; something follows it; or what
            it is given is drawn at random while it trains.
    """
    if len(head) != 1:
        raise Inseparable(f"its head has {len(head)} parts")
    found = Split(head[0])
    given: list[Tensor] = []

    def note(_: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        if len(arguments) != 1 or keywords or not isinstance(arguments[0], Tensor):
            raise Inseparable("its head takes more than one tensor")
        given.append(arguments[0])

    handle = model.get_submodule(found.head).register_forward_pre_hook(note, with_kwargs=True)
    try:
        with in_evaluation(model):
            logits = model(images)
    finally:
        handle.remove()
    if len(given) != 1:
        raise Inseparable(f"its head is called {len(given)} times")
    features = given[0]
    if len(features) != len(images):
        raise Inseparable("its head is not given one row an image")
    if not _alike(found.features(model, images), features):
        raise Inseparable("something below its head is drawn at random")
    with in_evaluation(model):
        if not _alike(found.logits(model, features), logits):
            raise Inseparable("its head is not the last thing that it does")
    return found


def _alike(first: Tensor, second: Tensor) -> bool:
    # Kernels of an accelerator need not give the same bits twice; dropout and further layers differ by far more.
    return first.shape == second.shape and torch.allclose(first, second, rtol=1e-3, atol=1e-5, equal_nan=True)
