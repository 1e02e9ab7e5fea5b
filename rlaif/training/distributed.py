"""How the processes of a launch share a training: a copy each (DDP), or one model in parts (fully_shard).

Asked for `fully_shard`, it is torch's own over a mesh of the launch's processes, on GPUs and on CPUs alike.
Everything that leaves a process is whole: checkpoints, snapshots and models know nothing of the parts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from rlaif.libraries.accelerate import Accelerator, said_by_main
from rlaif.libraries.peft import without_adapter
from rlaif.libraries.torch import part_again, plain_classes


class Together:
    """The processes of a launch, of which this is one; one alone is the usual case."""

    def __init__(self, accelerator: Accelerator, sharing: str) -> None:
        self.accelerator = accelerator
        self.sharded = sharing == "fully_shard" and accelerator.num_processes > 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes."""
        return bool(self.accelerator.is_main_process)

    def prepare(self, scorer: nn.Module) -> nn.Module:
        """The module to call in the place of `scorer`; shards its parameters in place where that is wanted."""
        if self.accelerator.num_processes == 1:
            spare_memory(scorer)
        if not self.sharded:
            prepared: nn.Module = self.accelerator.prepare(scorer)
            return prepared
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        mesh = init_device_mesh(self.accelerator.device.type, (self.accelerator.num_processes,))
        for layer in _layers(scorer):
            fully_shard(layer, mesh=mesh)
        # the head is used outside of its module's forward pass, so the rest stays gathered until backward
        fully_shard(scorer, mesh=mesh, reshard_after_forward=False)
        return scorer

    def passing(self, scorer: nn.Module, *, last: bool) -> AbstractContextManager[Any]:
        """Around one of a step's passes: copies exchange gradients once, with the last."""
        if last or self.sharded:
            return nullcontext()
        held: AbstractContextManager[Any] = self.accelerator.no_sync(scorer)
        return held

    def clip(self, parameters: Sequence[nn.Parameter], largest: float) -> float:
        """The norm of all gradients, which is then at most `largest`; 0 for no limit."""
        norm = torch.nn.utils.clip_grad_norm_(parameters, largest or math.inf)
        return float(whole(norm))

    def sum(self, figures: Mapping[str, Tensor]) -> dict[str, float]:
        """Figures added up over the processes."""
        return {name: float(value) for name, value in self.accelerator.reduce(dict(figures), "sum").items()}

    def told_by_main(self, value: Any) -> Any:
        """What the main process says."""
        return said_by_main(value)


def spare_memory(scorer: Any) -> None:
    """Keep a second copy of the head's gradient from being made, where no other process waits for it."""
    scorer.alone = True
    model = without_adapter(scorer.model)
    embeddings, head = model.get_input_embeddings(), model.get_output_embeddings()
    if head is not None and head.weight is embeddings.weight:
        # tied: the head's gradient is dense, and the few rows of the embeddings' are added to it
        embeddings.sparse = True


def whole(tensor: Tensor) -> Tensor:
    """The whole of a tensor that may be in parts; all processes must ask."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def parted_like(tensor: Tensor, like: Tensor) -> Tensor:
    """A whole tensor, in the parts that `like` has."""
    if isinstance(like, DTensor) and tensor.ndim:
        return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements)
    return tensor.to(like.device)


@contextmanager
def whole_weights(scorer: nn.Module) -> Iterator[None]:
    """Inside, parameters in parts are whole and modules are plain ones; all processes must enter."""
    # a look without a backward pass leaves some gathered, on this process for itself: those would be taken for whole
    part_again(scorer)
    held: list[tuple[nn.Module, str, nn.Parameter]] = []
    gathered: dict[int, nn.Parameter] = {}
    for module in scorer.modules():
        for name, each in module._parameters.items():
            if isinstance(each, DTensor):
                held.append((module, name, each))
                if id(each) not in gathered:  # tied weights stay tied
                    gathered[id(each)] = nn.Parameter(each.full_tensor(), requires_grad=each.requires_grad)
                module._parameters[name] = gathered[id(each)]
    try:
        with plain_classes(scorer):
            yield
    finally:
        for module, name, each in held:
            module._parameters[name] = each


def _layers(scorer: nn.Module) -> list[nn.Module]:
    # the repeated blocks: the longest list of modules
    lists = [each for each in scorer.modules() if isinstance(each, nn.ModuleList)]
    return max((list(each) for each in lists), key=len, default=[])
