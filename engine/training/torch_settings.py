"""How torch computes for a spec, settled before it does: alike in runs, in `vislab bench` and in `vislab find-lr`.

Importing this does not import torch.
"""

import contextlib
import os

from vislab.engine.cache import COMPILED
from vislab.engine.runs.devices import Chosen, Device, explain_unusable
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings


def set_variables(spec: Spec, chosen: Chosen, settings: Settings) -> None:
    """Set the environment variables that torch reads when it first looks for devices; call it before that."""
    os.environ.update(chosen.environment)
    if spec.compile is True or (spec.compile == "auto" and chosen.device.kind == "cuda"):
        _keep_compiled(settings)
    if spec.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def settle_torch(spec: Spec, device: Device, threads: int | str) -> None:
    """Settle how many threads share an operation, and which algorithms may be taken.

    Args:
        threads: auto: as many as torch itself takes.

    Raises:
        InputError: the installed torch cannot use the device.
    """
    import torch

    if device.kind == "cuda" and not torch.cuda.is_available():
        raise InputError(explain_unusable(device))
    if threads != "auto":
        torch.set_num_threads(int(threads))
    torch.use_deterministic_algorithms(spec.deterministic, warn_only=True)
    torch.backends.cudnn.benchmark = not spec.deterministic


def _keep_compiled(settings: Settings) -> None:
    """Give what torch compiles a place of its own in the cache folder, if that can be written: it would lie in /tmp."""
    folder = settings.cache_dir / COMPILED
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))
