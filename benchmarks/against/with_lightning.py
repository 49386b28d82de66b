"""The same with Lightning's Trainer and its defaults, but for checkpoints and logs in files.

vislab's full checkpoints fall outside what is timed, so that Lightning is to write none there either.
"""

import lightning
import torch
import torch.nn.functional as F
from loaders import loaders
from networks import network, size
from side import Clock, order


class Classifier(lightning.LightningModule):
    """As in Lightning's introduction: loss and accuracy logged, a mean an epoch."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def _step(self, batch: list[torch.Tensor], part: str) -> torch.Tensor:
        images, labels = batch
        logits = self.model(images)
        loss = F.cross_entropy(logits, labels)
        accuracy = (logits.argmax(1) == labels).float().mean()
        self.log_dict({f"{part}_loss": loss, f"{part}_accuracy": accuracy}, on_step=False, on_epoch=True)
        return loss

    def training_step(self, batch: list[torch.Tensor], number: int) -> torch.Tensor:
        """The loss of a batch."""
        return self._step(batch, "train")

    def validation_step(self, batch: list[torch.Tensor], number: int) -> None:
        """Log what a test batch gives."""
        self._step(batch, "val")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam over what trains."""
        return torch.optim.Adam([p for p in self.model.parameters() if p.requires_grad], lr=1e-3)


class Marks(lightning.Callback):
    """Marks the ends of epochs; Lightning validates before it ends one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Training begins."""
        self._clock.mark()

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """An epoch is over."""
        self._clock.mark()


def main() -> None:
    """Train, evaluating after each epoch."""
    told = order()
    torch.set_num_threads(told.threads)
    lightning.seed_everything(told.seed)
    clock = Clock()
    training, testing = loaders(told)
    model = Classifier(network(told))
    model.train(not told.work.whole)  # kept by the Trainer: a frozen part keeps the batch statistics that it came with
    trainer = lightning.Trainer(
        max_epochs=told.epochs, accelerator="cpu", enable_checkpointing=False, logger=False, callbacks=[Marks(clock)]
    )
    trainer.fit(model, training, testing)
    clock.report(parameters=size(model.model), accuracy=float(trainer.callback_metrics["val_accuracy"]))


if __name__ == "__main__":
    main()
