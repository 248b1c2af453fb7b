"""Folders of golden values: random numbers that every machine repeats, files, comparison, README."""
import dataclasses
import inspect
import json
import pathlib
from collections.abc import Callable

import numpy
import torch
from safetensors.torch import load_file, save_file


class Draw:
    """Random float32 tensors from numpy's PCG64, rounded from float64: the same on every machine."""

    def __init__(self, seed):
        self._random = numpy.random.default_rng(seed)

    def normal(self, *shape, std=1.0, mean=0.0):
        return torch.tensor(mean + std * self._random.standard_normal(shape)).float()

    def integers(self, low, high, *shape):
        return torch.from_numpy(self._random.integers(low, high, shape))

    def weight(self, name, shape):
        """A weight whose size fits its place: nothing is 0 or 1, so a wrong mapping shows."""
        leaf = name.rsplit(".", 1)[-1]
        if any(word in name for word in ("embedding", "token", "pos_embed", "table")) and (
                len(shape) < 4):
            if not ("norm" in name.lower() or leaf == "bias"):
                return self.normal(*shape, std=0.6)
        if leaf in ("lambda1", "gamma"):
            return self.normal(*shape, std=0.2, mean=0.7)
        if len(shape) == 1:
            return self.normal(*shape, std=0.25, mean=1) if leaf == "weight" else (
                self.normal(*shape, std=0.1))
        return self.normal(*shape, std=1.3 / numpy.prod(shape[1:]) ** 0.5)

    def fill(self, module):
        with torch.no_grad():
            for name, parameter in module.named_parameters():
                parameter.copy_(self.weight(name, tuple(parameter.shape)))


class Folder:
    """One folder of golden values; tensors are .safetensors files, everything else is JSON."""

    def __init__(self, path):
        self.path = pathlib.Path(path)

    def save(self, file, tensors):
        self.path.mkdir(parents=True, exist_ok=True)
        stored = {name: (t.float() if t.is_floating_point() else t).detach().contiguous().clone()
                  for name, t in tensors.items()}
        save_file(stored, self.path / file)

    def load(self, file, dtype=torch.float32):
        return {name: t.to(dtype) if t.is_floating_point() else t
                for name, t in load_file(self.path / file).items()}

    def save_json(self, file, value):
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / file).write_text(json.dumps(value, indent=1) + "\n")

    def load_json(self, file):
        return json.loads((self.path / file).read_text())

    def store(self, files):
        for file, content in files.items():
            (self.save_json if file.endswith(".json") else self.save)(file, content)

    def table(self, file):
        rows = [f"`{file}`", "", "| name | shape | dtype |", "|---|---|---|"]
        for name, tensor in sorted(load_file(self.path / file).items()):
            rows.append(f"| `{name}` | {tuple(tensor.shape)} | {str(tensor.dtype)[6:]} |")
        return "\n".join(rows)


@dataclasses.dataclass
class Part:
    """How one folder is made.

    draw(folder) writes what is random (weights, inputs, configurations); compute(folder, dtype)
    gives {file: tensors or JSON} from what stands in the folder, and its docstring is the folder's
    README; pack(folder) writes the torch containers and verify(folder) reads them back."""

    title: str
    draw: Callable
    compute: Callable
    tolerance: float
    tables: tuple = ("inputs.safetensors", "outputs.safetensors")
    pack: Callable = lambda folder: None
    verify: Callable = lambda folder: None
    exact: bool = False  # values have all their digits, whatever dtype compute() is given

    def make(self, folder):
        self.draw(folder)
        folder.store(self.compute(folder, torch.float64))
        self.pack(folder)
        self.write_readme(folder)

    def differences(self, folder):
        """Largest differences of a new computation in float64 and float32 from what is stored."""
        self.verify(folder)
        worst = []
        for dtype in (torch.float64, torch.float32):
            files = self.compute(folder, dtype)
            worst.append(max(difference(content, folder.load_json(file) if file.endswith(".json")
                                        else folder.load(file), file)
                             for file, content in files.items()))
        return worst

    def write_readme(self, folder):
        text = f"# {self.title}\n\n{inspect.getdoc(self.compute)}\n\n"
        text += "".join(folder.table(file) + "\n\n" for file in self.tables)
        if not self.exact:
            text += self.precision()
        (folder.path / "README.md").write_text(text.rstrip() + "\n")

    def precision(self):
        return (f"Expected values are computed in float64 and stored as float32; the same in float32"
                f" is within {self.tolerance / 2:g} of them\n(relative to max(1, largest value);"
                f" `make_golden.py --check` proves it). Tolerance {self.tolerance:g}.\n")


def difference(actual, expected, where):
    """Largest difference relative to max(1, largest expected value of the tensor). Whatever is not
    floating must be equal. Names of `expected` that `actual` lacks are ignored in JSON only."""
    if isinstance(actual, dict):
        tensors = any(isinstance(value, torch.Tensor) for value in actual.values())
        if tensors and actual.keys() != expected.keys():
            raise SystemExit(f"{where}: names differ: {sorted(actual.keys() ^ expected.keys())}")
        return max(difference(value, expected[key], f"{where} {key}")
                   for key, value in actual.items())
    if isinstance(actual, list) and len(actual) == len(expected):
        return max((difference(a, e, where) for a, e in zip(actual, expected)), default=0.0)
    if isinstance(actual, torch.Tensor) and actual.is_floating_point():
        if actual.shape == expected.shape:
            scale = max(1.0, expected.abs().max().item())
            return (actual.double() - expected.double()).abs().max().item() / scale
    elif isinstance(actual, torch.Tensor):
        if torch.equal(actual, expected):
            return 0.0
    elif isinstance(actual, float) and isinstance(expected, (int, float)):
        return abs(actual - expected) / max(1.0, abs(expected))
    elif actual == expected:
        return 0.0
    raise SystemExit(f"{where}: {actual} is not {expected}")


def cast(tensors, dtype):
    return {name: t.to(dtype) if t.is_floating_point() else t for name, t in tensors.items()}
