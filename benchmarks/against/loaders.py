"""Images one by one, as torchvision's tutorials read them."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from side import Order
from torch.utils.data import DataLoader, Dataset
from torchvision import datasets, transforms

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class IdxImages(Dataset[tuple[torch.Tensor, int]]):
    """Images and labels of an IDX pair, transformed one by one."""

    def __init__(self, folder: Path, part: str, transform: transforms.Compose) -> None:
        self.images, self.labels = read_idx(folder, part)
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def read_idx(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [N, 28, 28] and labels uint8 [N]."""
    images = np.frombuffer((folder / f"{part}-images-idx3-ubyte").read_bytes(), np.uint8, offset=16)
    labels = np.frombuffer((folder / f"{part}-labels-idx1-ubyte").read_bytes(), np.uint8, offset=8)
    return images.reshape(-1, 28, 28).copy(), labels.copy()


def parts(told: Order) -> tuple[Dataset[tuple[torch.Tensor, int]], Dataset[tuple[torch.Tensor, int]]]:
    """Training and test images."""
    size = told.work.size
    if told.work.jpeg:
        cut = [transforms.Resize(size), transforms.CenterCrop(size)]
        transform = transforms.Compose([*cut, transforms.ToTensor(), transforms.Normalize(*_IMAGENET)])
        return datasets.ImageFolder(told.data / "train", transform), datasets.ImageFolder(told.data / "test", transform)
    resize = [] if size == 28 else [transforms.Resize((size, size))]
    transform = transforms.Compose([*resize, transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    return IdxImages(told.data, "train", transform), IdxImages(told.data, "t10k", transform)


def loaders(told: Order) -> tuple[DataLoader[tuple[torch.Tensor, int]], DataLoader[tuple[torch.Tensor, int]]]:
    """DataLoaders with their defaults: no workers, which would compete with the model for the same cores."""
    train, test = parts(told)
    return DataLoader(train, told.work.batch, shuffle=True), DataLoader(test, told.work.batch)
