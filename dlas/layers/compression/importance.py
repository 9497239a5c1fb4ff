"""What tells which channels count least: norms of weights, or what the loss would feel on training images."""

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from dlas import data
from dlas.artifacts import Artifact

if TYPE_CHECKING:
    import torch

NORMS = {"l1": 1, "l2": 2}
CRITERIA = (*NORMS, "taylor", "fisher")
_BATCH = 32


def importance(criterion: str, module: "torch.nn.Module", source: Artifact, images: int, seed: int) -> Any:
    """What Torch-Pruning asks for the importance of each group of channels; gradients are taken if it needs them."""
    from torch_pruning.pruner.importance import GroupTaylorImportance, MagnitudeImportance

    if criterion in NORMS:
        return MagnitudeImportance(p=NORMS[criterion])
    if criterion == "fisher":
        gates = Fisher()
        with gates.watching(module):
            backward(module, source, images, seed)
        module.zero_grad()
        return gates
    backward(module, source, images, seed)
    return GroupTaylorImportance()


def backward(module: "torch.nn.Module", source: Artifact, count: int, seed: int) -> None:
    """Add the gradients of the summed loss over so many training images, batch statistics left alone."""
    import torch

    drawn = np.random.default_rng(seed).permutation(source.facts["images"]["train"])[:count]
    module.eval()
    module.zero_grad()
    for part in np.split(np.sort(drawn), range(_BATCH, len(drawn), _BATCH)):
        images, labels = (torch.from_numpy(array) for array in data.load(source, "train", part))
        loss = torch.nn.functional.cross_entropy(module(images), labels, reduction="sum")
        loss.backward()  # type: ignore[no-untyped-call]


class Fisher:
    """Fisher information of a gate on each channel (arXiv 1801.05787): half the mean square of g_nk.

    g_nk sums activation times gradient of channel k over image n's positions. Channels that must go together share
    one gate, which acts after the normalisations of the group, or after its operators where it has none. Scores are
    relative to their group's mean, as those of Torch-Pruning are, so that `scope=global` compares like with like.
    """

    def __init__(self) -> None:
        self._felt: defaultdict[Any, list[torch.Tensor]] = defaultdict(list)

    def watching(self, module: "torch.nn.Module") -> "_Watch":
        """While this lasts, backward passes are felt by the gates."""
        return _Watch(module, self._felt)

    def __call__(self, group: Any) -> "torch.Tensor | None":
        """One score for each channel of a group's root."""
        import torch

        members = self._gated(group)
        if not members:
            return None
        images = sum(len(part) for part in self._felt[members[0].dep.target.module])
        gates = torch.zeros(images, len(group[0].idxs))
        for member in members:
            felt = torch.cat(self._felt[member.dep.target.module])
            gates.index_add_(1, torch.tensor(member.root_idxs), felt[:, member.idxs])
        scores = gates.square().mean(0) / 2
        return scores / scores.mean().clamp_min(torch.finfo(scores.dtype).tiny)

    def _gated(self, group: Any) -> list[Any]:
        import torch
        from torch_pruning.pruner import function

        outputs = (
            *(function.prune_conv_out_channels, function.prune_depthwise_conv_out_channels),
            function.prune_linear_out_channels,
        )
        known = [group[i] for i in range(len(group)) if group[i].dep.target.module in self._felt]
        normalised = [m for m in known if isinstance(m.dep.target.module, torch.nn.BatchNorm2d)]
        return normalised or [m for m in known if m.dep.handler in outputs]


class _Watch:
    """Notes activation times gradient of normalisations and operators, summed over positions: (images, channels)."""

    def __init__(self, module: "torch.nn.Module", felt: "defaultdict[Any, list[torch.Tensor]]") -> None:
        self._module = module
        self._felt = felt

    def __enter__(self) -> None:
        import torch

        kinds = (torch.nn.Conv2d, torch.nn.Linear, torch.nn.BatchNorm2d)
        children = [child for child in self._module.modules() if isinstance(child, kinds)]
        self._hooks = [child.register_forward_hook(self._note) for child in children]

    def _note(self, child: "torch.nn.Module", _: Any, output: "torch.Tensor") -> None:
        import torch

        before = output.detach().clone()  # an activation function may work in place
        axis = -1 if isinstance(child, torch.nn.Linear) else 1

        def feel(gradient: torch.Tensor) -> None:
            product = (before * gradient).movedim(axis, 1)
            self._felt[child].append(product.reshape(*product.shape[:2], -1).sum(2))

        output.register_hook(feel)  # type: ignore[no-untyped-call]

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()
