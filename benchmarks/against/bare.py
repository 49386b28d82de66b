"""The least that a training can do: pixels resident as uint8, fused Adam, evaluation in large batches, no figures.

It trains vislab's own LeNet-5, so that what vislab takes longer is its loop; with --stock that of the libraries.
"""

import torch
import torch.nn.functional as F
from loaders import read_idx
from networks import network, size
from side import Clock, order

from vislab.engine.models import lenet


def main() -> None:
    """Train on IDX files, evaluating after each epoch."""
    told = order()
    torch.set_num_threads(told.threads)
    torch.manual_seed(told.seed)
    clock = Clock()
    (images, labels), (test_images, test_labels) = (
        [torch.from_numpy(column) for column in read_idx(told.data, part)] for part in ("train", "t10k")
    )
    images, labels = images[:, None], labels.long()
    assert told.work.architecture == "lenet5"
    model = network(told) if told.stock else lenet.build(told.work.classes, in_channels=1, image_size=told.work.size)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    accuracy = 0.0
    clock.mark()
    for _ in range(told.epochs):
        model.train()
        for rows in torch.randperm(len(images)).split(told.work.batch):
            batch = images[rows].float().mul_(2 / 255).sub_(1)
            optimizer.zero_grad()
            F.cross_entropy(model(batch), labels[rows]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            chunks = [chunk.float().mul_(2 / 255).sub_(1) for chunk in test_images[:, None].split(256)]
            predicted = torch.cat([model(chunk).argmax(1) for chunk in chunks])
        accuracy = float((predicted == test_labels).float().mean())
        clock.mark()
    clock.report(parameters=size(model), accuracy=accuracy)


if __name__ == "__main__":
    main()
