"""`auto` against fp32/contiguous with torch's own number of threads, on twelve architecture presets.

    python benchmarks/auto_presets.py [NAME…]

First `auto` chooses, as a run would; then its choice and the default make updates in turn (A B A B …), on new copies.
Ends with 1 if a choice is slower than the default beyond the spread: if even the upper quartile of the rounds' ratios
is below 1. Weights and images are random, of the presets' own shapes. About fifteen minutes on two cores.
"""

import os
import sys
from statistics import median

from vislab.engine.runs.openmp import PATIENT

os.environ.update(PATIENT | os.environ)  # a worker's threads wait like this; read when torch is imported

import torch

from vislab.engine.data.batches import Batch
from vislab.engine.models.assemble import assemble
from vislab.engine.training.losses import make_loss
from vislab.engine.training.precision import Arithmetic
from vislab.engine.training.probing import Probe
from vislab.presets.library import resolve

CPU = torch.device("cpu")
PRESETS = {  # images a batch
    "lenet5": 64,
    "mlp": 64,
    "alexnet32": 128,
    "airbench94": 128,
    "study-b-cnn": 8,
    "resnet18": 8,
    "mobilenetv3": 8,
    "efficientnet_lite0": 8,
    "efficientnet_b0": 8,
    "googlenet": 8,
    "densenet121": 4,
    "deit_small": 4,
}
STEPS = 20_000
"""Updates of the run that `auto` is asked for; they decide how long it may measure."""
SECONDS = 60.0
"""For the comparison afterwards."""


def main(names: list[str]) -> int:
    """Compare, and print a row a preset."""
    default = Arithmetic(threads=torch.get_num_threads())
    print(f"default {default}; torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}")
    print("preset               chosen                             default ms     chosen ms  ratio   quartiles    load")
    slower = []
    for name in names or PRESETS:
        probe = made(name, PRESETS.get(name, 16))
        choice = probe(default).arithmetic
        if choice == default:
            print(f"{name:20} the default", flush=True)
            continue
        race = probe.race([default, choice], SECONDS)
        ratios = sorted(a / b for a, b in zip(race.seconds[default], race.seconds[choice], strict=False))
        low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
        times = [1000 * median(race.seconds[one]) for one in (default, choice)]
        if high < 1:
            slower.append(name)
        print(
            f"{name:20} {choice!s:32} {times[0]:12.1f}  {times[1]:12.1f}  {median(ratios):5.2f}   "
            f"{low:.2f} to {high:.2f}   {os.getloadavg()[0]:4.1f}",
            flush=True,
        )
    print(f"slower beyond the spread: {', '.join(slower) or 'none'}")
    return 1 if slower else 0


def made(name: str, batch_size: int) -> Probe:
    """A preset's network and a random batch of its input size."""
    spec = resolve(dataset="digits", architecture=name, sets=[f"strategy.batch_size={batch_size}"])
    side, channels = spec.preprocessing.image_size, spec.preprocessing.channels
    assembled = assemble(
        spec.architecture,
        num_classes=10,
        in_channels=channels,
        image_size=side,
        pretrained=False,
        drop_rate=0.0,
        drop_path=0.0,
        seed=0,
    )
    draws = torch.Generator().manual_seed(0)
    images = torch.randn(batch_size, channels, side, side, generator=draws)
    batch = Batch(images, torch.arange(batch_size) % 10)
    loss = make_loss(spec.strategy, counts=[1] * 10, device=CPU)
    return Probe(spec=spec, device=CPU, assembled=assembled, batch=batch, loss=loss, steps=STEPS, check=lambda: None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
