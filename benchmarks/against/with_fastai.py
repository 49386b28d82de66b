"""The same with fastai's Learner."""

from functools import partial

import torch
from fastai.callback.core import Callback
from fastai.callback.training import BnFreeze
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import accuracy
from fastai.optimizer import Adam
from fastai.torch_core import set_seed
from loaders import parts
from networks import network, size
from side import Clock, order


class Marks(Callback):
    """Marks the ends of epochs; fastai validates before it ends one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def before_fit(self) -> None:
        """Training begins."""
        self._clock.mark()

    def after_epoch(self) -> None:
        """An epoch is over."""
        self._clock.mark()


def main() -> None:
    """Train, evaluating after each epoch."""
    told = order()
    torch.set_num_threads(told.threads)
    set_seed(told.seed)
    clock = Clock()
    training, testing = parts(told)
    batches = DataLoaders.from_dsets(
        training,
        testing,
        bs=told.work.batch,
        drop_last=False,  # as on the other sides: fastai would leave out a last small batch
        num_workers=0,
        device=torch.device("cpu"),
    )
    model = network(told)
    learner = Learner(
        batches,
        model,
        loss_func=CrossEntropyLossFlat(),
        opt_func=partial(Adam, wd=0.0),
        metrics=accuracy,
        cbs=[Marks(clock), *([BnFreeze()] if told.work.whole else [])],  # a frozen part keeps its batch statistics
    )
    learner.fit(told.epochs, 1e-3)
    clock.report(parameters=size(model), accuracy=float(learner.recorder.values[-1][-1]))


if __name__ == "__main__":
    main()
