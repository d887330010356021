"""One direction of a trained game, ready to use: a generator with its pre- and post-processing."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from cyclegan import networks
from cyclegan.data.images import GRAY, RGB, eight_bits, flatten, load, to_image, to_pixels, to_tensor
from cyclegan.errors import UsageError
from cyclegan.files import replaced_whole
from cyclegan.run import TRANSLATOR_PREFIX

Precision = Literal["fp32", "bf16"]
Picture = TypeVar("Picture", NDArray[Any], Image.Image)

DTYPES = ("uint8", "uint16", "float16", "float32", "float64")
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as PIL's conversion to gray
CONFIG, WEIGHTS = "config.json", "model.safetensors"


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
            UsageError: if it is not one of `cyclegan.networks`: a file must not choose what code runs.
        """
        if self.network not in networks.__all__:
            raise UsageError(f"network must be one of {', '.join(networks.__all__)}, got {self.network!r}.")
        return cast(nn.Module, getattr(networks, self.network)(**self.options))


class Translator:
    """Turns pictures of one look into another, at their own size.

    Args:
        generator: takes and gives (B, C, H, W) in [-1, 1]; has `multiple` and `smallest`, of H and W.
        facts: what it is and what it does.
        device: where it runs.
        precision: ``"fp32"``, or ``"bf16"`` for autocast.
    """

    def __init__(
        self, generator: nn.Module, facts: Facts, device: str | torch.device = "cpu", precision: Precision = "fp32"
    ) -> None:
        self.generator = generator.eval().requires_grad_(False).to(device)
        self.facts = facts
        self.device = torch.device(device)
        self.precision = precision

    @property
    def channels(self) -> int:
        """Channels that go in: 1 (gray) or 3 (RGB)."""
        return int(self.facts.options.get("in_channels", RGB))

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path,
        to: str | None = None,
        device: str | torch.device = "cpu",
        precision: Precision = "fp32",
    ) -> "Translator":
        """Load a translator folder, or the one of a run that leads to the look named `to`.

        Raises:
            UsageError: if there is none, or `to` is needed or unknown (the message names those that are there).
        """
        folder = _find(Path(path), to)
        try:
            facts = Facts(**json.loads((folder / CONFIG).read_text()))
            generator = facts.build()
            generator.load_state_dict(load_file(folder / WEIGHTS))
        except (OSError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
            reason = str(error).splitlines()[0]
            raise UsageError(f"{folder} holds no translator that can be read ({reason}). Name another one.") from error
        return cls(generator, facts, device, precision)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write `config.json` and `model.safetensors` (Hugging Face Hub layout) to a folder."""
        folder = Path(folder)
        state = {name: tensor.detach().cpu().contiguous() for name, tensor in self.generator.state_dict().items()}
        with replaced_whole(folder / WEIGHTS) as partial_file:
            save_file(state, partial_file)
        with replaced_whole(folder / CONFIG) as partial_file:
            partial_file.write_text(json.dumps(asdict(self.facts), indent=2) + "\n")

    def __call__(self, image: NDArray[Any] | Image.Image | str | Path) -> Any:
        """Translate one picture.

        Args:
            image: an array (H, W), (H, W, 1) or (H, W, 3) of uint8, uint16 or floats in [0, 1]; a PIL image; or the
                path of a file.

        Returns:
            The same kind of picture at the same size; a PIL image for a path. PIL images of modes L, LA, RGB and RGBA
            keep their mode; others come back as the one of these that is nearest.

        Raises:
            ValueError: for an array of another shape or type.
        """
        return self.batch([image])[0]

    def batch(self, images: Sequence[NDArray[Any] | Image.Image | str | Path]) -> list[Any]:
        """Translate pictures of one size in one pass; see `__call__`."""
        loaded = [_loaded(image) for image in images]
        tensors = torch.stack([self._tensor(image) for image in loaded])
        return [_like(image, result) for image, result in zip(loaded, self.translate(tensors), strict=True)]

    @torch.inference_mode()
    def translate(self, pictures: Tensor) -> Tensor:
        """Tensors (B, C, H, W) in [-1, 1], of any size: padded by reflection, cropped back; float32."""
        height, width = pictures.shape[-2:]
        rows, columns = self._mirrored(height), self._mirrored(width)
        with self._autocast():
            result = self.generator(pictures[..., rows, :][..., columns].to(self.device))
        return result[..., :height, :width].float()

    def _mirrored(self, length: int) -> Tensor:
        """Indices that extend a side to a length the generator takes, going back and forth over it."""
        multiple, smallest = int(self.generator.multiple), int(self.generator.smallest)  # type: ignore[arg-type]
        padded = max(smallest, -(-length // multiple) * multiple)
        period = max(1, 2 * (length - 1))
        places = torch.arange(padded) % period
        return torch.minimum(places, period - places) if length > 1 else torch.zeros(padded, dtype=torch.long)

    def _tensor(self, image: NDArray[Any] | Image.Image) -> Tensor:
        if isinstance(image, Image.Image):
            return to_tensor(flatten(image, self.channels))
        values = image if image.ndim == 3 else image[..., None]
        if values.dtype == np.uint8:
            return to_tensor(flatten(to_image(values), self.channels))
        tensor = torch.from_numpy(values.astype(np.float32) / _white(values)).permute(2, 0, 1) * 2 - 1
        return _with_channels(tensor, self.channels)

    def _autocast(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, torch.bfloat16) if self.precision == "bf16" else nullcontext()


def _loaded(image: NDArray[Any] | Image.Image | str | Path) -> NDArray[Any] | Image.Image:
    if isinstance(image, str | Path):
        return load(Path(image))
    if isinstance(image, Image.Image):
        return eight_bits(image)
    if image.dtype.name not in DTYPES or image.ndim not in (2, 3) or image.shape[2:] not in ((), (1,), (3,)):
        expected = f"(H, W), (H, W, 1) or (H, W, 3) of {', '.join(DTYPES)}"
        raise ValueError(f"An array must be {expected}, got {image.shape} of {image.dtype}. Convert it.")
    return image


def _like(image: NDArray[Any] | Image.Image, result: Tensor) -> NDArray[Any] | Image.Image:
    """A result (C, H, W) in [-1, 1] as the kind of picture that went in."""
    if isinstance(image, Image.Image):
        picture = to_image(to_pixels(result))
        if image.mode in ("LA", "RGBA"):
            picture = picture.convert("RGB")
            picture.putalpha(image.getchannel("A"))
        return picture.convert(image.mode) if image.mode in ("L", "LA", "RGB", "RGBA") else picture
    channels = 1 if image.ndim == 2 else image.shape[2]
    result = _with_channels(result, channels)
    if image.dtype == np.uint8:
        array: NDArray[Any] = to_pixels(result)
    else:
        array = (result.cpu().permute(1, 2, 0).double().numpy() + 1) / 2 * _white(image)
        array = (array.round() if np.issubdtype(image.dtype, np.integer) else array).astype(image.dtype)
    return array.reshape(image.shape)


def _white(values: NDArray[Any]) -> float:
    return float(np.iinfo(values.dtype).max) if np.issubdtype(values.dtype, np.integer) else 1.0


def _with_channels(picture: Tensor, channels: int) -> Tensor:
    if picture.shape[0] == channels:
        return picture
    if picture.shape[0] == GRAY:
        return picture.expand(channels, -1, -1)
    return torch.einsum("chw,c->hw", picture, picture.new_tensor(LUMA))[None]


def _find(path: Path, to: str | None) -> Path:
    if (path / CONFIG).is_file():
        return path
    if not path.is_dir():
        raise UsageError(f"There is no folder {path}. Name a run folder or a translator folder.")
    found = {each.parent.name.removeprefix(TRANSLATOR_PREFIX): each.parent for each in path.glob(f"to_*/{CONFIG}")}
    if not found:
        raise UsageError(f"{path} holds no translator yet. Name a run folder or a translator folder.")
    if to is None and len(found) == 1:
        return next(iter(found.values()))
    if to not in found:
        got = f"got {to!r}" if to else "and none was given"
        raise UsageError(f"--to must be one of {', '.join(sorted(found))}, {got}.")
    return found[to]
