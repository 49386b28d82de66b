"""A trained run, opened for use: its best weights in evaluation mode, and the preprocessing they were trained with."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file
from torch import nn

from vislab.engine.data.pixels import decode
from vislab.engine.data.source import Images, UnreadableImage
from vislab.engine.evaluation.evaluate import predict_logits
from vislab.engine.models.assemble import Assembled, assemble
from vislab.engine.runs import checkpoints, devices
from vislab.engine.runs.checkpoints import Manifest
from vislab.engine.runs.store import Run
from vislab.engine.training.memory import is_out_of_memory
from vislab.engine.worker import with_copied_code
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec

BATCH = 64
_CHUNK = 256 * 2**20  # bytes of pixels that are decoded before the model sees them


@dataclass(frozen=True)
class Predicted:
    """What a model answered on images.

    Attributes:
        logits: float32 [m, K], on the CPU.
        kept: int64 [m], positions in the `indices` asked for; all of them unless unreadable images were skipped.
        unreadable: the images that were skipped.
        decoding, computing: seconds spent reading images and in the model, transfers to the device included.
    """

    logits: torch.Tensor
    kept: npt.NDArray[np.int64]
    unreadable: tuple[UnreadableImage, ...]
    decoding: float
    computing: float


@dataclass
class Trained:
    """A run's model, ready to answer.

    The arithmetic is fp32 whatever the run was trained in, and on a GPU without TF32, so that training, prediction and
    export agree.

    Attributes:
        spec: the run's, its own files replaced by the copies under code/.
        classes: names, in the order of the logits.
        assembled: its model holds the weights, in evaluation mode, on `device`.
        weights: whether they are the moving average or the raw weights.
        checkpoint: name of the folder they come from.
        file: name of the file in it.
        manifest: step, epoch and checksums of that folder.
    """

    run: Run
    spec: Spec
    classes: tuple[str, ...]
    assembled: Assembled
    weights: Literal["ema", "raw"]
    checkpoint: str
    file: str
    manifest: Manifest
    device: torch.device
    device_name: str

    @property
    def model(self) -> nn.Module:
        """Images, float32 [B, C, S, S] as `normalise` gives them -> logits [B, K]."""
        return self.assembled.model

    @property
    def sha256(self) -> str:
        """Checksum of the file of weights, hexadecimal."""
        return self.manifest.files[self.file]

    @property
    def epoch(self) -> int:
        """Epochs that the weights were trained for, counted from 1; an epoch that was broken off is not counted."""
        # A full checkpoint says which epoch comes next.
        return self.manifest.epoch - (self.manifest.kind == "full")

    def origin(self) -> dict[str, object]:
        """Which weights these are, for the record of whatever is made with them."""
        return {
            "run": self.run.id,
            "checkpoint": self.checkpoint,
            "checkpoint_files": self.manifest.files,
            "weights": self.weights,
            "weights_sha256": self.sha256,
            "epoch": self.epoch,
            "step": self.manifest.step,
            "precision": "fp32",
            "device": str(self.device),
            "device_name": self.device_name,
        }

    def predict(
        self,
        images: Images,
        indices: npt.NDArray[np.int64] | None = None,
        *,
        flip: bool = False,
        skip_unreadable: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Predicted:
        """Logits of images, which are read in portions that fit the memory.

        Args:
            images: where to read from.
            indices: int64 [n], which of them, in this order; None: all.
            flip: test-time augmentation: each image counts with its mirror image (left and right exchanged). The
                result is the logarithm of the mean of both probabilities, whose softmax is that mean.
            skip_unreadable: leave unreadable images out and list them, instead of raising.
            progress: called with (images read, n).

        Raises:
            InputError: images that cannot be read.
        """
        wanted = np.arange(len(images), dtype=np.int64) if indices is None else indices
        side, channels = self.spec.preprocessing.image_size, self.spec.preprocessing.channels
        portion = max(BATCH, _CHUNK // (channels * side * side) // BATCH * BATCH)
        logits, kept = [torch.empty(0, len(self.classes))], [np.empty(0, dtype=np.int64)]
        unreadable: list[UnreadableImage] = []
        decoding = computing = 0.0
        for start in range(0, len(wanted), portion):
            begun = time.monotonic()

            def tell(done: int, _: int, start: int = start) -> None:
                if progress is not None:
                    progress(start + done, len(wanted))

            found = decode(
                images,
                wanted[start : start + portion],
                self.spec.preprocessing,
                size=side,
                progress=tell,
                skip_unreadable=skip_unreadable,
            )
            read = time.monotonic()
            logits.append(self.logits(found.pixels, flip=flip))
            decoding, computing = decoding + read - begun, computing + time.monotonic() - read
            kept.append(found.kept + start)
            unreadable += found.unreadable
        return Predicted(torch.cat(logits), np.concatenate(kept), tuple(unreadable), decoding, computing)

    def logits(self, pixels: torch.Tensor, *, flip: bool = False) -> torch.Tensor:
        """Logits, float32 [N, K] on the CPU, of pixels, uint8 [N, C, S, S]; see `predict`."""
        if not len(pixels):
            return torch.empty(0, len(self.classes))
        straight = self._logits(pixels)
        if not flip:
            return straight
        both = torch.stack([straight, self._logits(pixels.flip(3))]).log_softmax(dim=2)
        return both.logsumexp(dim=0) - float(np.log(2.0))

    def _logits(self, pixels: torch.Tensor) -> torch.Tensor:
        batch = BATCH
        while True:
            try:
                return predict_logits(
                    self.model,
                    pixels,
                    preprocessing=self.spec.preprocessing,
                    precision="fp32",
                    device=self.device,
                    memory_format=torch.contiguous_format,
                    batch_size=batch,
                )
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error) or batch == 1:
                    raise
            batch //= 2
            if self.device.type == "cuda":
                torch.cuda.empty_cache()


def open_trained(run: Run, *, device: str = "auto") -> Trained:
    """Build a run's model and fill it with the best weights that the run has kept.

    The moving average is taken where there is one. A run that held no images out, or whose validation loss was never
    finite, has no best epoch: its last weights are used.

    Args:
        device: auto, cpu, mps, cuda or cuda:N.

    Raises:
        InputError: the run has saved no weights, they are damaged, or there is no such device.
    """
    state = run.state()
    folders = checkpoints.best(run.checkpoints) or checkpoints.full(run.checkpoints)
    if state.started is None or not folders:
        raise InputError(f"Run {run.id} has saved no weights yet. See: vislab show {run.id}")
    faults = []
    for folder in folders:
        if not (fault := checkpoints.damage(folder)):
            break
        faults.append(f"{folder.name}: {fault}")
    else:
        raise InputError(f"The weights of run {run.id} are damaged: {'; '.join(faults)}.")
    manifest = checkpoints.manifest(folder)
    assert manifest is not None
    file = "ema.safetensors" if "ema.safetensors" in manifest.files else "weights.safetensors"
    spec = with_copied_code(run.spec(), run.code)
    chosen = devices.choose(device)
    os.environ.update(chosen.environment)
    if chosen.device.kind == "cuda":
        if not torch.cuda.is_available():
            raise InputError(devices.explain_unusable(chosen.device))
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.deterministic = True
    assembled = assemble(
        spec.architecture,
        num_classes=len(state.started.classes),
        in_channels=spec.preprocessing.channels,
        image_size=spec.preprocessing.image_size,
        pretrained=False,
        drop_rate=spec.strategy.drop_rate,
        drop_path=spec.strategy.drop_path,
        seed=spec.seed,
        folder=run.code,
    )
    _fill(assembled.model, folder / file, run)
    assembled.model.to(torch.device(chosen.torch_name)).eval()
    return Trained(
        run=run,
        spec=spec,
        classes=state.started.classes,
        assembled=assembled,
        weights="ema" if file == "ema.safetensors" else "raw",
        checkpoint=folder.name,
        file=file,
        manifest=manifest,
        device=torch.device(chosen.torch_name),
        device_name=chosen.device.name,
    )


def _fill(model: nn.Module, file: Path, run: Run) -> None:
    try:
        model.load_state_dict(load_file(file))
    except RuntimeError as error:
        said = " ".join(str(error).split())[:500]
        raise InputError(
            f"The weights of run {run.id} do not fit the network that its spec builds now; has the code of "
            f"{run.spec().architecture.build} or the version of a library changed since? {said}"
        ) from error
