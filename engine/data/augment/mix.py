"""Mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019), with each sample's own share and box."""

import torch
from torch import Tensor

from vislab.engine.data.augment import geometry
from vislab.engine.data.sending import sent

COLUMNS = 4
"""Uniform draws a sample: which of the two, share, box centre x, box centre y."""


def mix(images: Tensor, partners: Tensor, draws: Tensor, *, mixup: float, cutmix: float) -> tuple[Tensor, Tensor]:
    """Mix each image with its partner.

    With both alphas above 0, each sample gets one of the two with probability 1/2; with neither it stays as it is.

    Args:
        images: float32 [B, C, H, W].
        partners: float32 [B, C, H, W], other samples, augmented as the images were.
        draws: float32 [B, 4], uniform in [0, 1), on the CPU wherever the images are.
        mixup: alpha of the Beta(alpha, alpha) of mixup's share; 0: off.
        cutmix: alpha of the Beta(alpha, alpha) of the share that CutMix's box leaves before clipping; 0: off.

    Returns:
        The mixed images and the weight of each one's own label, float32 [B]: with CutMix the share of pixels that are
        its own.
    """
    assert mixup >= 0 and cutmix >= 0
    if mixup == 0 and cutmix == 0:
        return images, torch.ones(len(images), device=images.device)
    share = beta_quantile(draws[:, 1], mixup) if mixup > 0 else torch.zeros(len(images))
    share = sent(share, images.device)
    weight = share[:, None, None, None]
    if cutmix > 0:
        blended = draws[:, 0] < 0.5 if mixup > 0 else torch.zeros(len(images), dtype=torch.bool)
        blended = sent(blended, images.device)
        height, width = images.shape[-2:]
        boxes = _boxes(beta_quantile(draws[:, 1], cutmix), draws[:, 2], draws[:, 3], height, width)
        top, left, box_height, box_width = sent(torch.stack(boxes), images.device)
        own = (~geometry.inside((top, left, box_height, box_width), height, width)).float()
        share = torch.where(blended, share, own.mean((1, 2, 3)))
        weight = torch.where(blended[:, None, None, None], weight, own)
    return torch.lerp(partners, images, weight), share


def beta_quantile(draws: Tensor, alpha: float) -> Tensor:
    """Beta(alpha, alpha) numbers, float32 [B] in [0, 1], from uniform draws on the CPU, by the inverse of its CDF."""
    from scipy.special import betaincinv  # takes a third of a second to import, and most runs do not mix

    return torch.from_numpy(betaincinv(alpha, alpha, draws.double().numpy())).float()


def _boxes(share: Tensor, x: Tensor, y: Tensor, height: int, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Boxes of 1 - share of the area, with the image's shape, centred anywhere in it, cut off at its edges."""
    side = torch.sqrt(1 - share)
    left = torch.round((x - side / 2) * width).clamp(0, width).long()
    right = torch.round((x + side / 2) * width).clamp(0, width).long()
    top = torch.round((y - side / 2) * height).clamp(0, height).long()
    bottom = torch.round((y + side / 2) * height).clamp(0, height).long()
    return top, left, bottom - top, right - left
