"""The reference for `study-e-lenet5`: the loop that people write by hand, with nothing of vislab in it.

LeNet-5, Adam 1e-3, batch 64, 10 epochs, cross-entropy, mean and std 0.5, scored on the test set each epoch, on any IDX
folder of the MNIST family:

    python benchmarks/plain_lenet5.py /usr/share/datasets/fashion-mnist --seeds 0 1 2
"""

import argparse
import gzip
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms


class IdxImages(Dataset[tuple[torch.Tensor, int]]):
    """Images and labels of an IDX pair, transformed one by one."""

    def __init__(self, folder: Path, part: str) -> None:
        self.images = _idx(folder / f"{part}-images-idx3-ubyte", header=16).reshape(-1, 28, 28)
        self.labels = _idx(folder / f"{part}-labels-idx1-ubyte", header=8)
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.images[index]), int(self.labels[index])


class LeNet5(nn.Module):
    """LeNet-5 with ReLU and max pooling, for 28 x 28 images."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Linear(16 * 5 * 5, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits [B, 10]."""
        return self.classifier(self.features(images).flatten(1))


def _idx(path: Path, header: int) -> np.ndarray:
    packed = path.with_name(path.name + ".gz")
    content = gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()
    return np.frombuffer(content, dtype=np.uint8, offset=header).copy()


def train(folder: Path, seed: int, epochs: int) -> float:
    """Train once; returns the last epoch's test accuracy."""
    torch.manual_seed(seed)
    training = DataLoader(IdxImages(folder, "train"), batch_size=64, shuffle=True)
    testing = DataLoader(IdxImages(folder, "t10k"), batch_size=64)
    model = LeNet5()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    accuracy = 0.0
    for epoch in range(1, epochs + 1):
        began, total_loss, seen = time.perf_counter(), 0.0, 0
        model.train()
        for images, labels in training:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total_loss += loss.item() * len(labels)
            seen += len(labels)
        model.eval()
        correct = 0
        with torch.no_grad():
            for images, labels in testing:
                correct += (model(images).argmax(1) == labels).sum().item()
        accuracy = correct / len(testing.dataset)  # type: ignore[arg-type]
        seconds = time.perf_counter() - began
        print(
            f"seed {seed} epoch {epoch:2d} loss {total_loss / seen:.4f} test {accuracy:.4f} {seconds:.1f} s", flush=True
        )
    return accuracy


def main() -> None:
    """Train once a seed and print the mean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=10)
    given = parser.parse_args()
    accuracies = [train(given.folder, seed, given.epochs) for seed in given.seeds]
    print(f"mean of {len(accuracies)} seeds: {sum(accuracies) / len(accuracies):.4f}")


if __name__ == "__main__":
    main()
