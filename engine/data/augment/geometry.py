"""Where pixels go: kernels that move them, with one parameter a sample.

Images are float32 [B, C, H, W]. Pixel coordinates count from the image's left or top edge, so that the centre of the
first pixel is at 0.5. Definitions agree with `torchvision.transforms.v2.functional`.
"""

import torch
from torch import Tensor
from torch.nn import functional

from vislab.engine.data.augment import uniform


def flip(images: Tensor, which: Tensor, dimension: int) -> Tensor:
    """Mirror the samples marked in `which` (bool [B]) along `dimension` (-1: left and right, -2: top and bottom)."""
    return torch.where(which[:, None, None, None], images.flip(dimension), images)


def shift_crop(images: Tensor, top: Tensor, left: Tensor, padding: int, mode: str) -> Tensor:
    """Pad all four sides by `padding` pixels, then cut H x W out at (`top`, `left`), both int64 [B] in [0, 2 padding].

    `mode` is `zero` (black) or `reflect` (without repeating the edge; `padding` must be below H and W).
    """
    height, width = images.shape[-2:]
    padded = functional.pad(images, (padding,) * 4, mode="reflect" if mode == "reflect" else "constant")
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # a view: [B, C, 2 padding + 1, 2 padding + 1, H, W]
    return windows[torch.arange(len(images), device=images.device), :, top, left]


def inverse_affine(
    degrees: Tensor, shift_x: Tensor, shift_y: Tensor, scale: Tensor, shear_x: Tensor, shear_y: Tensor
) -> Tensor:
    """Matrices float32 [B, 2, 3] that take an output position to its input position, both relative to the centre.

    The map of positions is: shear (degrees, first along y, then along x), scale, rotate by `degrees` (clockwise on the
    screen, since y points down), shift by pixels. All arguments are float32 [B].
    """
    angle, tangent_x = torch.deg2rad(degrees), torch.tan(torch.deg2rad(shear_x))
    tangent_y = torch.tan(torch.deg2rad(shear_y))
    cosine, sine = torch.cos(angle), torch.sin(angle)
    # Forward: R(angle) · scale · [[1, 0], [-ty, 1]] · [[1, -tx], [0, 1]]; both shears have determinant 1.
    a = cosine + sine * tangent_y
    c = sine - cosine * tangent_y
    b = -tangent_x * a - sine
    d = -tangent_x * c + cosine
    linear = torch.stack((torch.stack((d, -b), -1), torch.stack((-c, a), -1)), -2) / scale[:, None, None]
    shift = torch.stack((shift_x, shift_y), -1)[:, :, None]
    return torch.cat((linear, -(linear * shift.transpose(1, 2)).sum(-1, keepdim=True)), -1)


def about(matrices: Tensor, x: float, y: float) -> Tensor:
    """Matrices of `inverse_affine` whose fixed point is (`x`, `y`), in pixels from the centre, in place of (0, 0)."""
    point = torch.tensor([x, y], dtype=matrices.dtype, device=matrices.device)
    offset = point - (matrices[:, :, :2] * point).sum(-1)
    return torch.cat((matrices[:, :, :2], matrices[:, :, 2:] + offset[:, :, None]), -1)


def warp(images: Tensor, matrices: Tensor, fill: float = 0.0) -> Tensor:
    """Resample each image through its matrix (as of `inverse_affine`), bilinear, `fill` outside; one grid_sample."""
    height, width = images.shape[-2:]
    x = torch.arange(width, device=images.device) - (width - 1) / 2
    y = (torch.arange(height, device=images.device) - (height - 1) / 2)[:, None]
    # grid_sample counts from -1 to 1. Elementwise rather than affine_grid, whose product may run in reduced precision.
    grid = images.new_empty(len(images), height, width, 2)
    for axis, side in enumerate((width, height)):
        along_x, along_y, shift = (matrices[:, axis] * (2 / side))[:, :, None, None].unbind(1)
        torch.add(along_x * x, along_y * y + shift, out=grid[..., axis])
    if fill == 0:
        return functional.grid_sample(images, grid, align_corners=False)
    return functional.grid_sample(images - fill, grid, align_corners=False) + fill


def random_boxes(
    area: Tensor, shape: Tensor, x: Tensor, y: Tensor, height: int, width: int, ratio: tuple[float, float]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Boxes of given areas inside an image of `height` x `width` pixels.

    torchvision draws area and width : height together until the box fits. Here the ratio is drawn from those of `ratio`
    with which the given area fits (uniform in its logarithm), which needs one draw and keeps every area; only where
    none fits is the box cut to the image.

    Args:
        area: float32 [B], shares of the image's area.
        shape: float32 [B], uniform draws for the ratio; `x` and `y` likewise for the place.
        height: of the image.
        width: of the image.
        ratio: smallest and largest width : height.

    Returns:
        top, left, height, width of each box, int64 [B], in whole pixels; sides are at least 1.
    """
    pixels = (area * (height * width)).clamp(min=1)
    low = torch.log(torch.clamp(pixels / height**2, min=ratio[0], max=ratio[1]))
    high = torch.log(torch.clamp(width**2 / pixels, min=ratio[0], max=ratio[1]))
    chosen = torch.exp(low + shape * (high - low))
    box_width = torch.round(torch.sqrt(pixels * chosen)).clamp(1, width).long()
    box_height = torch.round(torch.sqrt(pixels / chosen)).clamp(1, height).long()
    left = uniform.whole(x, width - box_width + 1)
    top = uniform.whole(y, height - box_height + 1)
    return top, left, box_height, box_width


def inside(boxes: tuple[Tensor, Tensor, Tensor, Tensor], height: int, width: int) -> Tensor:
    """Mask, bool [B, 1, height, width], of the pixels in each box (top, left, height, width; int64 [B])."""
    top, left, box_height, box_width = (side[:, None, None, None] for side in boxes)
    rows = torch.arange(height, device=top.device)[:, None]
    columns = torch.arange(width, device=top.device)
    return (rows >= top) & (rows < top + box_height) & (columns >= left) & (columns < left + box_width)


def resized_crop(images: Tensor, boxes: tuple[Tensor, Tensor, Tensor, Tensor], size: int) -> Tensor:
    """Cut each sample's own box (top, left, height, width; int64 [B]) and resize it to `size` x `size`.

    Bilinear with antialiasing, as `torchvision…resized_crop(antialias=True)`: such a resize is linear and separable, so
    it is two matrix products, with each sample's own weights, for the whole batch.
    """
    count, channels, height, width = images.shape
    top, left, box_height, box_width = boxes
    across = _resize_weights(left, box_width, width, size, images.dtype)
    down = _resize_weights(top, box_height, height, size, images.dtype)
    narrowed = torch.bmm(images.reshape(count, channels * height, width), across.transpose(1, 2))
    return torch.matmul(down[:, None], narrowed.reshape(count, channels, height, size))


def _resize_weights(start: Tensor, length: Tensor, source: int, size: int, dtype: torch.dtype) -> Tensor:
    """Weights [B, size, source] of source pixels in each output pixel: a triangle one output pixel wide or more."""
    step = (length.to(dtype) / size)[:, None, None]
    pixel = torch.arange(source, device=start.device)
    centre = start[:, None, None] + (torch.arange(size, device=start.device)[:, None] + 0.5) * step
    weight = (1 - (pixel + 0.5 - centre).abs() / step.clamp(min=1)).clamp_(min=0)
    outside = (pixel < start[:, None]) | (pixel >= (start + length)[:, None])
    weight = weight.masked_fill_(outside[:, None], 0)
    return weight / weight.sum(-1, keepdim=True)


def resize(images: Tensor, size: int) -> Tensor:
    """Stretch to `size` x `size`, bilinear with antialiasing; images of that size come back as they are."""
    if images.shape[-2:] == (size, size):
        return images
    return functional.interpolate(images, (size, size), mode="bilinear", align_corners=False, antialias=True)
