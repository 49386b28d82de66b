"""The loop of the tutorials: a transform a sample, a DataLoader, `.item()` each step."""

import torch
from loaders import loaders
from networks import network, size
from side import Clock, order
from torch import nn


def main() -> None:
    """Train, evaluating after each epoch."""
    told = order()
    torch.set_num_threads(told.threads)
    torch.manual_seed(told.seed)
    clock = Clock()
    training, testing = loaders(told)
    model = network(told)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    accuracy = 0.0
    clock.mark()
    for _ in range(told.epochs):
        model.train(not told.work.whole)  # a frozen part keeps the batch statistics that it came with
        total_loss = correct = seen = 0.0
        for images, labels in training:
            optimizer.zero_grad()
            logits = model(images)
            loss = criterion(logits, labels)
            loss.backward()
            optimizer.step()
            total_loss += loss.item() * len(labels)
            correct += (logits.argmax(1) == labels).sum().item()
            seen += len(labels)
        model.eval()
        right = tested = 0.0
        with torch.no_grad():
            for images, labels in testing:
                right += (model(images).argmax(1) == labels).sum().item()
                tested += len(labels)
        accuracy = right / tested
        clock.mark()
        print(f"loss {total_loss / seen:.4f} accuracy {correct / seen:.4f} test {accuracy:.4f}", flush=True)
    clock.report(parameters=size(model), accuracy=accuracy)


if __name__ == "__main__":
    main()
