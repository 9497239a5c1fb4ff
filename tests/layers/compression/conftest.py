"""Networks to compress: written by hand from fresh weights, so that nothing has to be trained first."""

import drawn
import pytest

from dlas import host, network, realise, registry
from dlas.artifacts import Store
from dlas.stack import Stack


class Bench:
    """A store with data in it, networks made of models, and compressions of them, each made once."""

    def __init__(self, root, put):
        self.store = Store(root)
        self.store.prepare()
        self.source = put(self.store)

    def network(self, model, trained=True):
        """The network of a model with fresh weights; called trained, it is fine-tuned like one that is."""
        import torch

        def make(out, work):
            torch.manual_seed(0)
            (option,) = registry.parse("model", model)
            module = option.module(tuple(self.source.facts["shape"]), self.source.facts["classes"])
            for child in module.modules():
                if isinstance(child, torch.nn.BatchNorm2d):  # so that folding it into a weight changes that
                    torch.nn.init.uniform_(child.weight, 0.5, 1.5)
                    torch.nn.init.uniform_(child.running_var, 0.5, 1.5)
            return network.save_module(module, out, model, self.source, trained)

        return self.store.build({"network": model, "trained": trained, "inputs": [self.source.key]}, make)

    def file_only(self, model):
        """The same without a torch module, as a user's ONNX file."""
        import shutil

        whole = self.network(model)

        def make(out, work):
            for name in (network.ONNX, network.REFERENCE):
                shutil.copyfile(whole.file(name), out / name)
            return {**whole.facts, "module": False}

        return self.store.build({"file": model}, make)

    def compressed(self, before, chain):
        """The network after all steps of a chain."""
        for option in registry.parse("compression", chain):
            recipe = {"compression": registry.write((option,)), "inputs": [before.key]}
            before = self.store.build(recipe, self._making(option, before))
        return before

    def _making(self, option, before):
        return lambda out, work: option.compress(before, self.source, out, work, silent)


def silent(progress):
    """Nobody listens."""


def digits(store):
    """The digits, as a study has them."""
    return realise.perform(realise.realisation(Stack(), (), host.probe()).data, store, silent)


@pytest.fixture(scope="session")
def bench(tmp_path_factory):
    """One store for all tests of this folder."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return Bench(tmp_path_factory.mktemp("compression"), digits)


@pytest.fixture(params=[32, 64])
def coloured(request, tmp_path):
    """A store of its own for each test, since networks are large: random images of 32x32 or 64x64 in colour."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return Bench(tmp_path, lambda store: drawn.source(store, (3, request.param, request.param)))
