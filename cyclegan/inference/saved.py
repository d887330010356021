"""Translators on disk: in runs, checkpoints, translator folders, reference weight files, ONNX files and on the Hub."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args, get_type_hints

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from cyclegan import networks
from cyclegan.console.errors import UsageError
from cyclegan.console.places import TRANSLATORS
from cyclegan.files.weights import read_pickle
from cyclegan.files.writing import replaced_whole
from cyclegan.interop.onnx import ONNX, OnnxGenerator
from cyclegan.interop.reference import load_reference

TRANSLATOR_PREFIX = "to_"  # of translator folders in a run
CONFIG, WEIGHTS = "config.json", "model.safetensors"
CARD = ("README.md", "samples.png")
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
CHECKPOINT = ".ckpt"
ENTRY = "translators"  # key in checkpoints
PROGRAM = ".pt2"
REFERENCE = (".pth", ".pt")
GENERATORS = [name for name in networks.__all__ if name.endswith("Generator")]
LARGEST = 4096  # accepted value of a network's option, far above useful ones
REFERENCE_SIZE = 256  # default crop size of the reference, which its files do not state


@dataclass(frozen=True)
class Facts:
    """Description of a translator, as saved in `config.json`.

    Args:
        network: class name of the generator in `cyclegan.networks`.
        options: keyword arguments of the class.
        source: name of the input look.
        target: name of the output look.
        size: side of the training crops in pixels.
    """

    network: str
    options: Mapping[str, Any]
    source: str
    target: str
    size: int

    @classmethod
    def of(cls, make_generator: Callable[[], nn.Module], source: str, target: str, size: int) -> "Facts":
        """The facts of a generator, given its class or a partial of its class."""
        if isinstance(make_generator, partial):
            return cls(make_generator.func.__name__, dict(make_generator.keywords), source, target, size)
        return cls(cast(type, make_generator).__name__, {}, source, target, size)

    def build(self) -> nn.Module:
        """Build the network with fresh weights.

        Raises:
            UsageError: if the class is not one of `cyclegan.networks` (a file must not choose which code runs), or an
                option is of the wrong type, or so large that the network could take all memory.
        """
        if self.network not in GENERATORS:
            raise UsageError(f"network must be one of {', '.join(GENERATORS)}, got {self.network!r}.")
        network: type[nn.Module] = getattr(networks, self.network)
        hints = get_type_hints(network.__init__)
        for name, value in self.options.items():
            _check_option(name, value, hints.get(name))
        return network(**self.options)

    def build_with(self, weights: Mapping[str, Tensor]) -> nn.Module:
        """Build the network and load weights, after a comparison of all shapes.

        Raises:
            UsageError: see `build`.
            ValueError: if the weights are of a different network.
        """
        with torch.device("meta"):
            expected = {name: tensor.shape for name, tensor in self.build().state_dict().items()}
        got = {name: tensor.shape for name, tensor in weights.items()}
        if wrong := sorted(name for name in expected.keys() | got.keys() if expected.get(name) != got.get(name)):
            raise ValueError(f"{wrong[0]} must be {expected.get(wrong[0])}, got {got.get(wrong[0])}")
        network = self.build()
        network.load_state_dict(weights)
        return network


def _check_option(name: str, value: Any, hint: Any) -> None:
    """Check an option from a file against the type of the keyword argument, as a network may accept wrong types."""
    choices = get_args(hint)  # of a Literal
    expected = " or ".join(map(repr, choices)) or getattr(hint, "__name__", "an option of the network")
    if value not in choices if choices else type(value) is not hint and (hint, type(value)) != (float, int):
        raise UsageError(f"{name} must be {expected}, got {value!r}.")
    if isinstance(value, int | float) and value > LARGEST:
        raise UsageError(f"{name} of a network must be at most {LARGEST}, got {value}.")


def save(generator: nn.Module, facts: Facts, folder: Path) -> None:
    """Write `config.json` and `model.safetensors` (Hugging Face Hub layout) to a folder."""
    if isinstance(generator, OnnxGenerator):
        raise UsageError("An ONNX file cannot be saved as a translator. Save the translator that it was exported from.")
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in generator.state_dict().items()}
    with replaced_whole(folder / WEIGHTS) as partial_file:
        save_file(state, partial_file)
    with replaced_whole(folder / CONFIG) as partial_file:
        partial_file.write_text(json.dumps(asdict(facts), indent=2) + "\n")


class Found(NamedTuple):
    """A generator, its facts, and its translator folder, if it comes from one."""

    generator: nn.Module
    facts: Facts
    folder: Path | None = None


def find(source: str | Path, to: str | None) -> Found:
    """Load the generator that translates to the look named `to`.

    Args:
        source: a run folder, a checkpoint, a translator folder, the name of a bundled translator or of a model on the
            Hub, a reference weight file, or an ONNX file written by `cyclegan.export`.
        to: the target look; may be None if the source has only one.

    Raises:
        UsageError: if there is none, or `to` is missing or unknown (the message lists the targets).
    """
    path = Path(source)
    if path.is_file():
        found = _from_checkpoint(path, to) if path.suffix == CHECKPOINT else _from_file(path)
        _chosen({found.facts.target: found}, to or found.facts.target)
        return found
    if not path.exists():
        path = bundled(str(source)) or (_from_hub(str(source)) if HUB_ID.fullmatch(str(source)) else path)
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
    """Load the generator of a reference weight file.

    Args:
        path: such as ``latest_net_G_A.pth``, which translates from look a to b; G_B translates back, G alone to b.
        looks: names of a and b.
        size: side of the training crops in pixels, which the file does not state.

    Raises:
        UsageError: if the file is not of this kind.
    """
    architecture, generator = load_reference(path)
    source, target = reversed(looks) if Path(path).stem.endswith("_G_B") else looks
    return Found(generator, Facts(*architecture, source, target, size))


def _from_file(path: Path) -> Found:
    if path.suffix == PROGRAM:
        raise UsageError(
            f"{path} may hold code, which is not run here. Name the model that it was exported from, or an {ONNX} file."
        )
    if path.suffix in REFERENCE:
        return from_reference(path)
    if path.suffix != ONNX:
        raise UsageError(
            f"{path} is not a model. Name a run folder, a checkpoint, a translator folder, a .pth or an {ONNX} file."
        )
    generator = OnnxGenerator(path)
    metadata = generator.metadata
    try:
        options, size = json.loads(metadata["options"]), int(metadata["size"])
        facts = Facts(metadata["network"], options, metadata["source"], metadata["target"], size)
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
    except Exception as error:  # a damaged file may hold anything
        raise UsageError(
            f"{path} must be a whole checkpoint of a run, but cannot be read as one. Name another."
        ) from error
    return Found(generator, facts)


def entry_of(generators: Iterable[tuple[nn.Module, Facts]]) -> dict[str, Any]:
    """The entry of a checkpoint for `find`, by target. Weights are shared with the networks, and so stored once."""
    return {
        facts.target: {"facts": asdict(facts), "weights": dict(generator.state_dict())}
        for generator, facts in generators
    }


def bundled(name: str) -> Path | None:
    """Folder of the bundled translators of a name; None if there is none, or if a path of that name exists."""
    folder = TRANSLATORS / name
    return folder if not Path(name).exists() and folder in _bundled_folders() else None


def list_bundled() -> list[str]:
    """A line about each bundled translator: name, looks, crop size and size of the file."""
    lines = []
    for folder in (each for name in _bundled_folders() for each in sorted(name.glob(f"{TRANSLATOR_PREFIX}*"))):
        facts = Facts(**json.loads((folder / CONFIG).read_text(encoding="utf-8")))
        size = (folder / WEIGHTS).stat().st_size / 2**10
        looks = f"{facts.source} to {facts.target}"
        lines.append(f"{folder.parent.name:<10} {looks}, {facts.size} px crops, {size:,.0f} KiB")
    return lines


def _bundled_folders() -> list[Path]:
    return sorted(folder for folder in TRANSLATORS.glob("*") if any(folder.glob(f"{TRANSLATOR_PREFIX}*/{CONFIG}")))


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download  # noqa: PLC0415 (takes a while, and is seldom needed)

    patterns = [f"{folder}{file}" for folder in ("", f"{TRANSLATOR_PREFIX}*/") for file in (CONFIG, WEIGHTS, *CARD)]
    try:
        return Path(snapshot_download(name, allow_patterns=patterns))
    except (OSError, ValueError) as error:  # base classes of the library's errors
        reason = str(error).strip().splitlines()[0]
        raise UsageError(
            f"There is no folder {name}, and no model of that name could be fetched from the Hugging Face Hub "
            f"({reason}). Look for a typo, or for the network."
        ) from error
