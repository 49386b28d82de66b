"""Which learning rate suits a spec: a range test on a network of its own, which leaves no trace."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
import torch

from vislab.engine.cache import Cache
from vislab.engine.data.loading import load_data
from vislab.engine.models.assemble import assemble
from vislab.engine.runs import devices
from vislab.engine.runs.batch_size import with_batch_size
from vislab.engine.runs.temporary import temporary_folder
from vislab.engine.training import optim, precision, strategies
from vislab.engine.training.batch_choice import candidates, usual
from vislab.engine.training.beginning import initialise
from vislab.engine.training.feeding import training_batches
from vislab.engine.training.finders import range_test
from vislab.engine.training.losses import make_loss
from vislab.engine.training.metrics import Accumulator
from vislab.engine.training.precision import MEMORY_FORMATS
from vislab.engine.training.resumable import Resumable
from vislab.engine.training.step import Step
from vislab.engine.training.torch_settings import set_variables, settle_torch
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import load_settings


class FindRateRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A spec, and which rates are tried.

    Attributes:
        spec: as in spec.toml.
        data_dir, runs_dir: folders; runs lend their weights to `architecture.weights = RUN/best`.
        lowest, highest: ends of the rates.
        steps: updates.
    """

    spec: Spec
    data_dir: str
    runs_dir: str
    lowest: Annotated[float, msgspec.Meta(gt=0.0)] = 1e-6
    highest: Annotated[float, msgspec.Meta(gt=0.0)] = 10.0
    steps: Annotated[int, msgspec.Meta(ge=10, le=10_000)] = 100


def answer(request: dict[str, Any], tell: Callable[[str, int, int], None]) -> dict[str, Any]:
    """Make the test. `precision`, `memory_format`, `threads` and `batch_size` = auto mean fp32, contiguous, torch's own
    number and the usual size: nothing is measured for this.

    Returns:
        What `RangeTest` says; learning_rate: of the spec; batch_size; device and device_name; precision; images to
        train on; parameters.

    Raises:
        InputError: whatever is wrong with the spec, its data or its network.
    """
    wanted = msgspec.convert(request, FindRateRequest)
    spec, strategy = wanted.spec, wanted.spec.strategy
    chosen = devices.choose(spec.device)
    here, settings = Path.cwd(), load_settings()
    set_variables(spec, chosen, settings)
    settle_torch(spec, chosen.device, spec.threads)
    device = torch.device(chosen.torch_name)
    arithmetic: precision.Precision = "fp32" if spec.precision == "auto" else spec.precision
    layout = MEMORY_FORMATS["contiguous" if spec.memory_format == "auto" else spec.memory_format]
    precision.check(arithmetic, device)
    with temporary_folder("vislab-find-lr-") as folder:
        data = load_data(
            spec,
            data_dir=Path(wanted.data_dir),
            split_file=folder / "split.csv",
            code=here,
            progress=partial(tell, "reading images"),
            check=lambda: None,
            downloading=partial(tell, "downloading"),
            cache=Cache.of(settings),
            memory_budget=settings.memory_budget,
        )
        if strategy.batch_size == "auto":
            spec = with_batch_size(spec, usual(candidates(len(data.train), strategy.accumulate)))
            strategy = spec.strategy
        assembled = assemble(
            spec.architecture,
            num_classes=len(data.classes),
            in_channels=spec.preprocessing.channels,
            image_size=spec.preprocessing.image_size,
            pretrained=strategy.pretrained,
            drop_rate=strategy.drop_rate,
            drop_path=strategy.drop_path,
            seed=spec.seed,
            folder=here,
            runs_dir=Path(wanted.runs_dir),
        )
        model = assembled.model.to(device).to(memory_format=layout)
        strategies.freeze(
            model, assembled.head, assembled.groups, strategies.trained_groups(strategy, len(assembled.groups), 1)
        )
        batches = training_batches(spec, data, device, layout, here)
        if not strategy.pretrained:
            initialise(model, batches)
        training = Resumable(
            model=model,
            optimizer=optim.make_optimizer(strategy, model, assembled.groups, device),
            scaler=precision.scaler(arithmetic, device),
            ema=None,
            interval=Accumulator(device),
            epoch=Accumulator(device),
        )
        step = Step(
            loss=make_loss(strategy, counts=list(data.counts["train"]), device=device, folder=here),
            seed=spec.seed,
            device=device,
            precision=arithmetic,
            accumulate=strategy.accumulate,
            clip_norm=strategy.clip_norm,
            minimum_learning_rate=0.0,
        )
        found = range_test(
            training,
            step,
            batches,
            base=strategy.learning_rate,
            lowest=wanted.lowest,
            highest=wanted.highest,
            steps=wanted.steps,
            check=lambda done: tell("updates", done, wanted.steps),
        )
    return {
        **asdict(found),
        "learning_rate": strategy.learning_rate,
        "batch_size": strategy.decided_batch_size,
        "images": len(data.train),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "precision": arithmetic,
        "device": chosen.torch_name,
        "device_name": chosen.device.name,
    }
