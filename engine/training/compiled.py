"""torch.compile for the forward pass of an update; autograd compiles the backward pass with it."""

from collections.abc import Callable

import torch
from torch import nn

from vislab.engine.training.memory import first_line
from vislab.presets.errors import InputError

Forward = Callable[[nn.Module, torch.Tensor], torch.Tensor]
"""(model, images) -> logits"""

_BACKEND = "inductor"
_SHAPES = 256  # forms of a network (sizes of micro-batches, stages unfrozen) that are compiled, each for itself


def compiled(model: nn.Module) -> Forward:
    """The compiled forward pass of a model, which itself stays as it is: judged, averaged and saved by its own names.

    Each size of input is compiled for itself. What comes out for a batch follows from that batch alone, not from what
    was compiled before it, so that a resumed run equals another.
    """
    import torch._dynamo.config
    from torch._dynamo.exc import BackendCompilerFailed, TorchDynamoException

    torch._dynamo.config.recompile_limit = _SHAPES
    call = torch.compile(model, dynamic=False, backend=_BACKEND)

    def forward(same: nn.Module, images: torch.Tensor) -> torch.Tensor:
        """Logits.

        Raises:
            InputError: it cannot be compiled here.
        """
        assert same is model
        try:
            logits: torch.Tensor = call(images)
        except TorchDynamoException as error:
            said = error.inner_exception if isinstance(error, BackendCompilerFailed) else error
            raise InputError(
                f"compile: this network cannot be compiled here: {first_line(said)}. torch.compile needs a C++ "
                "compiler on the processor (Debian and Ubuntu: the package g++; the variable CXX names another one), "
                "and Triton beside it on a GPU (it comes with torch for CUDA on Linux). To train without: "
                "--set compile=false"
            ) from error
        return logits

    return forward
