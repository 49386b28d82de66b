"""Tensors as they were before an update, to be put back if it must not count."""

from collections.abc import Iterable

import torch


class Kept:
    """Copies of tensors that change in place; their memory is used again at each `take`."""

    def __init__(self, tensors: Iterable[torch.Tensor]) -> None:
        self._tensors: dict[torch.dtype, list[torch.Tensor]] = {}  # the fast copy takes tensors of one type
        for tensor in tensors:
            self._tensors.setdefault(tensor.dtype, []).append(tensor.detach())
        self._copies = {kind: [torch.empty_like(tensor) for tensor in group] for kind, group in self._tensors.items()}

    def take(self) -> None:
        """Copy the tensors as they are now."""
        for kind, group in self._tensors.items():
            torch._foreach_copy_(self._copies[kind], group)

    @torch.no_grad()
    def put_back(self) -> None:
        """Make the tensors what they were."""
        for kind, group in self._tensors.items():
            torch._foreach_copy_(group, self._copies[kind])

    @torch.no_grad()
    def put_back_unless(self, finite: torch.Tensor) -> None:
        """Make the tensors what they were where `finite` (bool, no dimensions) is false. Waits for no device."""
        for kind, group in self._tensors.items():
            chosen = [torch.where(finite, new, old) for new, old in zip(group, self._copies[kind], strict=True)]
            torch._foreach_copy_(group, chosen)
