"""A spec: everything that one run is made from, resolved and immutable."""

from typing import Annotated, Literal

import msgspec

from vislab.presets.schema.architecture import Architecture
from vislab.presets.schema.dataset import Dataset
from vislab.presets.schema.fields import field
from vislab.presets.schema.preprocessing import Preprocessing
from vislab.presets.schema.strategy import Strategy

NOMINAL = ("dataset.images", "dataset.classes", "architecture.parameters")
"""Sizes as they were published: a run counts its own, which may differ."""
PUBLISHED = (*NOMINAL, "dataset.licence")
"""Facts, which nobody chooses."""


class Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run, complete. Made by `vislab.presets.library.resolve` only; saved as the run's spec.toml."""

    name: Annotated[str, field("what the run is called")] = ""
    recipe: Annotated[str, field("the recipe it was made from; empty: put together by hand")] = ""
    seed: Annotated[int, field("every random choice follows from it", ge=0, le=2**63 - 1)] = 0
    device: Annotated[
        str, field("auto (the free GPU with the most memory, else mps, else cpu), cpu, mps, cuda or cuda:N")
    ] = "auto"
    precision: Annotated[
        Literal["auto", "fp32", "bf16", "fp16"],
        field("arithmetic of the forward pass; weights stay fp32. auto: fp32, unless bf16 (fp16) is measured faster"),
    ] = "auto"
    memory_format: Annotated[
        Literal["auto", "contiguous", "channels_last"],
        field("order of image tensors in memory; auto: contiguous, unless channels_last is measured faster"),
    ] = "auto"
    threads: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=1024)] | Literal["auto"],
        field("threads on the CPU; auto: torch's own number, unless fewer are measured faster"),
    ] = "auto"
    compile: Annotated[
        Literal["auto"] | bool,
        field("compile updates with torch.compile; auto: on CUDA, in runs long enough to repay it by measurement"),
    ] = "auto"
    cache_features: Annotated[
        bool,
        field(
            "with strategy.freeze = backbone and no augmentation: run the frozen part once per image, keep what it "
            "gives in the cache folder, and train the head on that"
        ),
    ] = True
    deterministic: Annotated[
        bool, field("only kernels that give the same bits each time, where the device has them")
    ] = False
    checkpoint_every: Annotated[
        str,
        msgspec.Meta(pattern=r"^(auto|[1-9][0-9]*(steps?|min|epochs?))$"),
        field("auto (less than 2 % of the time), or such as 20steps, 5min, 1epoch"),
    ] = "auto"
    keep: Annotated[
        int, field("full checkpoints kept while the run lives; one when it is done", unit="checkpoints", ge=1)
    ] = 2
    tensorboard: Annotated[str, field("folder for TensorBoard files, one folder a run below it; empty: none")] = ""
    wandb: Annotated[str, field("project of Weights & Biases, as PROJECT or ENTITY/PROJECT; empty: none")] = ""
    dataset: Dataset = Dataset()
    architecture: Architecture = Architecture()
    strategy: Strategy = Strategy()
    preprocessing: Preprocessing = Preprocessing()
    origins: Annotated[dict[str, str], field("dotted key to where its value came from")] = {}
