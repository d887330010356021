"""Translators on disk: in a run, a checkpoint, a folder of their own, on the Hub, in a reference weight file."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from cyclegan import networks
from cyclegan.console.errors import UsageError
from cyclegan.files.weights import read_pickle
from cyclegan.files.writing import replaced_whole
from cyclegan.interop.onnx import ONNX, OnnxGenerator
from cyclegan.interop.reference import load_reference

TRANSLATOR_PREFIX = "to_"  # of translator folders in a run
CONFIG, WEIGHTS = "config.json", "model.safetensors"
CARD = ("README.md", "samples.png")
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
CHECKPOINT = ".ckpt"
ENTRY = "translators"  # of a checkpoint
PROGRAM = ".pt2"
REFERENCE = (".pth", ".pt")
LARGEST = 4096  # option of a network; far beyond what is of use
REFERENCE_SIZE = 256  # its files do not say


@dataclass(frozen=True)
class Facts:
    """What a translator folder says of itself, in `config.json`.

    Args:
        network: name of the generator's class in `cyclegan.networks`.
        options: its keyword arguments.
        source: name of the look that goes in.
        target: name of the look that comes out.
        size: pixels of the training crops.
    """

    network: str
    options: Mapping[str, Any]
    source: str
    target: str
    size: int

    @classmethod
    def of(cls, make_generator: Callable[[], nn.Module], source: str, target: str, size: int) -> "Facts":
        """The facts of a generator that is made by this call (a class, or a partial of one)."""
        if isinstance(make_generator, partial):
            return cls(make_generator.func.__name__, dict(make_generator.keywords), source, target, size)
        return cls(cast(type, make_generator).__name__, {}, source, target, size)

    def build(self) -> nn.Module:
        """The network, with fresh weights.

        Raises:
            UsageError: if it is not one of `cyclegan.networks`: a file must not choose what code runs; or an option is
                so large that making it could take all memory or time.
        """
        if self.network not in networks.__all__:
            raise UsageError(f"network must be one of {', '.join(networks.__all__)}, got {self.network!r}.")
        for name, value in self.options.items():
            if isinstance(value, int | float) and value > LARGEST:
                raise UsageError(f"{name} of a network must be at most {LARGEST}, got {value}.")
        return cast(nn.Module, getattr(networks, self.network)(**self.options))

    def build_with(self, weights: Mapping[str, Tensor]) -> nn.Module:
        """The network with these weights; it takes no more memory than they do if they are of another.

        Raises:
            UsageError: see `build`.
            ValueError: if the weights are of another network.
        """
        with torch.device("meta"):
            expected = {name: tensor.shape for name, tensor in self.build().state_dict().items()}
        got = {name: tensor.shape for name, tensor in weights.items()}
        if wrong := sorted(name for name in expected.keys() | got.keys() if expected.get(name) != got.get(name)):
            raise ValueError(f"{wrong[0]} must be {expected.get(wrong[0])}, got {got.get(wrong[0])}")
        network = self.build()
        network.load_state_dict(weights)
        return network


def save(generator: nn.Module, facts: Facts, folder: Path) -> None:
    """Write `config.json` and `model.safetensors` (Hugging Face Hub layout) to a folder."""
    if isinstance(generator, OnnxGenerator):
        raise UsageError("An ONNX file must stay what it is. Save the translator that it was made of.")
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in generator.state_dict().items()}
    with replaced_whole(folder / WEIGHTS) as partial_file:
        save_file(state, partial_file)
    with replaced_whole(folder / CONFIG) as partial_file:
        partial_file.write_text(json.dumps(asdict(facts), indent=2) + "\n")


class Found(NamedTuple):
    """A generator, what it does, and the translator folder that it comes from, if from one."""

    generator: nn.Module
    facts: Facts
    folder: Path | None = None


def find(source: str | Path, to: str | None) -> Found:
    """The generator that leads to the look named `to` (it may be left out where there is one look only).

    Args:
        source: a run folder, a checkpoint of a run, a translator folder, the name of a model on the Hub, a file with
            a generator of the reference, or an ONNX file that `cyclegan.export` wrote.
        to: the look.

    Raises:
        UsageError: if there is none, or `to` is needed or unknown (the message names those that are there).
    """
    path = Path(source)
    if path.is_file():
        found = _from_checkpoint(path, to) if path.suffix == CHECKPOINT else _from_file(path)
        _chosen({found.facts.target: found}, to or found.facts.target)
        return found
    if not path.exists() and HUB_ID.fullmatch(str(source)):
        path = _from_hub(str(source))
    folder = _find_folder(path, to)
    try:
        facts = Facts(**json.loads((folder / CONFIG).read_text()))
        generator = facts.build_with(load_file(folder / WEIGHTS))
    except (OSError, ValueError, TypeError, ArithmeticError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"{folder} holds no translator that can be read ({reason}). Name another one.") from error
    _chosen({facts.target: folder}, to or facts.target)
    return Found(generator, facts, folder)


def from_reference(path: str | Path, looks: tuple[str, str] = ("a", "b"), size: int = REFERENCE_SIZE) -> Found:
    """The generator in a weight file of the reference.

    Args:
        path: such as ``latest_net_G_A.pth``, which leads from look a to b; G_B leads back, and G alone to b.
        looks: names of a and b.
        size: pixels of the training crops, which the file does not say.

    Raises:
        UsageError: if it is no such file.
    """
    architecture, generator = load_reference(path)
    source, target = reversed(looks) if Path(path).stem.endswith("_G_B") else looks
    return Found(generator, Facts(*architecture, source, target, size))


def _from_file(path: Path) -> Found:
    if path.suffix == PROGRAM:
        raise UsageError(
            f"{path} may hold code, which is not run here. Name the model that it was made of, or an {ONNX} file."
        )
    if path.suffix in REFERENCE:
        return from_reference(path)
    if path.suffix != ONNX:
        raise UsageError(
            f"{path} is no model. Name a run folder, a checkpoint, a translator folder, a .pth or an {ONNX} file."
        )
    generator = OnnxGenerator(path)
    told = generator.metadata
    try:
        facts = Facts(told["network"], json.loads(told["options"]), told["source"], told["target"], int(told["size"]))
    except ValueError as error:
        raise UsageError(f"{path} has metadata that cannot be read ({error}). Export it again.") from error
    return Found(generator, facts)


def _find_folder(path: Path, to: str | None) -> Path:
    if (path / CONFIG).is_file():
        return path
    if not path.is_dir():
        raise UsageError(f"There is no folder {path}. Name a run folder, a checkpoint or a translator folder.")
    found = {each.parent.name.removeprefix(TRANSLATOR_PREFIX): each.parent for each in path.glob(f"to_*/{CONFIG}")}
    if not found:
        raise UsageError(f"{path} holds no translator yet. Name a run folder or a translator folder.")
    return found[_chosen(found, to)]


def _chosen(found: Mapping[str, Any], to: str | None) -> str:
    if to is None and len(found) == 1:
        return next(iter(found))
    if to is None or to not in found:
        got = f"got {to!r}" if to else "and none was given"
        raise UsageError(f"--to must be one of {', '.join(sorted(found))}, {got}.")
    return to


def _from_checkpoint(path: Path, to: str | None) -> Found:
    try:
        checkpoint: dict[str, Any] = read_pickle(path)
        found: dict[str, dict[str, Any]] = checkpoint[ENTRY]
        target = _chosen(found, to)
        facts = Facts(**found[target]["facts"])
        generator = facts.build_with(found[target]["weights"])
    except UsageError:
        raise
    except Exception as error:  # a file can be wrong in any way
        raise UsageError(
            f"{path} must be a whole checkpoint of a run, but cannot be read as one. Name another."
        ) from error
    return Found(generator, facts)


def entry_of(generators: Iterable[tuple[nn.Module, Facts]]) -> dict[str, Any]:
    """What a checkpoint holds for `find`, by target; weights are shared with the networks, and so not stored twice."""
    return {
        facts.target: {"facts": asdict(facts), "weights": dict(generator.state_dict())}
        for generator, facts in generators
    }


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download  # noqa: PLC0415 (takes a while, and is seldom needed)

    patterns = [f"{folder}{file}" for folder in ("", f"{TRANSLATOR_PREFIX}*/") for file in (CONFIG, WEIGHTS, *CARD)]
    try:
        return Path(snapshot_download(name, allow_patterns=patterns))
    except (OSError, ValueError) as error:  # its own errors are some of these
        reason = str(error).strip().splitlines()[0]
        raise UsageError(
            f"There is no folder {name}, and no model of that name could be fetched from the Hugging Face Hub "
            f"({reason}). Look for a typo, or for the network."
        ) from error
