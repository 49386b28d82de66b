"""Where a model looks: which parts of an image speak for an answer.

Three methods, chosen by what the network is made of: Grad-CAM (Selvaraju et al., arXiv:1610.02391) on the last feature
map of a network that has one; attention roll-out (Abnar & Zuidema, arXiv:2005.00928) for transformers of tokens; the
gradient of the answer by the pixels (Simonyan et al., arXiv:1312.6034) for all others.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Method = Literal["Grad-CAM", "attention roll-out", "gradient"]


@dataclass(frozen=True)
class Saliency:
    """How much each pixel matters.

    Attributes:
        maps: float32 [B, S, S] on the CPU, in [0, 1], the largest of each image 1; all 0 where nothing speaks for the
            answer.
        method: how they were made.
    """

    maps: Tensor
    method: Method


@dataclass
class _Seen:
    """What a forward pass went through."""

    map: Tensor | None = None
    tokens_since: bool = False
    attention: list[Tensor] = field(default_factory=list)


def saliency(model: nn.Module, images: Tensor, targets: Tensor) -> Saliency:
    """Find where a model looks for its answers.

    Args:
        model: in evaluation mode; images -> logits [B, K]. Its parameters and their gradients stay as they are.
        images: float32 [B, C, S, S], normalised, on the model's device.
        targets: int64 [B], the class of each image that is explained.
    """
    assert not model.training
    side = images.shape[-1]
    with torch.enable_grad(), _watched(model) as seen:
        pixels = images.detach().clone().requires_grad_()
        scores = model(pixels).gather(1, targets.to(images.device)[:, None]).sum()
        found = seen.map
        method: Method
        if seen.tokens_since and (rolled := _roll_out(seen.attention, _prefix_tokens(model))) is not None:
            raw, method = rolled, "attention roll-out"
        elif found is not None and not seen.tokens_since:
            (gradient,) = torch.autograd.grad(scores, found)
            if _channels_last(model):
                found, gradient = found.permute(0, 3, 1, 2), gradient.permute(0, 3, 1, 2)
            raw, method = (gradient.mean(dim=(2, 3), keepdim=True) * found).sum(dim=1).relu(), "Grad-CAM"
        else:
            (gradient,) = torch.autograd.grad(scores, pixels)
            raw, method = gradient.abs().amax(dim=1), "gradient"
    maps = F.interpolate(raw.detach().float()[:, None], (side, side), mode="bilinear", align_corners=False)[:, 0]
    largest = maps.amax(dim=(1, 2), keepdim=True)
    return Saliency((maps / largest.clamp(min=torch.finfo(maps.dtype).tiny)).clamp(0, 1).cpu(), method)


@contextmanager
def _watched(model: nn.Module) -> Iterator[_Seen]:
    """Note the last feature map, whether tokens came after it, and every attention matrix of timm's transformers."""
    seen = _Seen()

    def output(module: nn.Module, inputs: Any, found: Any) -> None:
        if not isinstance(found, Tensor) or not found.requires_grad:
            return
        if found.ndim == 4 and min(_sides(model, found)) > 1:
            seen.map, seen.tokens_since = found, False
        elif found.ndim == 3 and found.shape[1] > 1:
            seen.tokens_since = True

    def attention(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        seen.attention.append(inputs[0].detach())

    with ExitStack() as undo:
        for module in model.modules():
            dropout = getattr(module, "attn_drop", None)
            if isinstance(getattr(module, "fused_attn", None), bool) and isinstance(dropout, nn.Module):
                # The fused kernel never shows its matrix.
                undo.callback(setattr, module, "fused_attn", module.fused_attn)
                module.fused_attn = False  # type: ignore[assignment]
                undo.callback(dropout.register_forward_pre_hook(attention).remove)
            elif not any(True for _ in module.children()):
                undo.callback(module.register_forward_hook(output).remove)
        yield seen


def _sides(model: nn.Module, features: Tensor) -> tuple[int, int]:
    height, width = (1, 2) if _channels_last(model) else (2, 3)
    return features.shape[height], features.shape[width]


def _channels_last(model: nn.Module) -> bool:
    """timm's name for models that keep the channels of a map last, such as Swin; the model may be below a head."""
    return any(getattr(module, "output_fmt", "NCHW") == "NHWC" for module in model.modules())


def _prefix_tokens(model: nn.Module) -> int:
    """Tokens that stand before those of the image, such as the class token; timm's name."""
    counts = [getattr(module, "num_prefix_tokens", None) for module in model.modules()]
    return next((count for count in counts if isinstance(count, int)), 0)


def _roll_out(attention: list[Tensor], prefix: int) -> Tensor | None:
    """Attention from the class token (or, without one, from all tokens) to the patches, through all blocks.

    Args:
        attention: of each block, float [B, heads, N, N], rows sum to 1.

    Returns:
        float [B, n, n] with n x n patches; None where the matrices do not fit together or the patches are no square.
    """
    shapes = {matrix.shape[-2:] for matrix in attention}
    if len(shapes) != 1 or any(matrix.ndim != 4 for matrix in attention):
        return None
    count = attention[0].shape[-1]
    side = round((count - prefix) ** 0.5)
    if side * side != count - prefix or side < 2:
        return None
    identity = torch.eye(count, device=attention[0].device)
    rolled = identity.expand(len(attention[0]), -1, -1)
    for matrix in attention:
        # Half of what a block passes on is its own input, by the skip connection.
        rolled = (matrix.float().mean(dim=1) + identity) / 2 @ rolled
    row = (rolled[:, 0] if prefix else rolled.mean(dim=1))[:, prefix:]
    # Every patch gets some attention: what they all get says nothing, nor do the rounding errors of equal shares.
    least, most = row.aminmax(dim=1, keepdim=True)
    return ((row - least) * (most - least > 1e-5 * most)).reshape(-1, side, side)
