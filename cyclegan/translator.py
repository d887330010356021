"""Translator: a trained generator with pre- and post-processing, for pictures and folders."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import ModelCard, ModelHubMixin
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from cyclegan.inference import saved
from cyclegan.inference.card import Card, describe
from cyclegan.inference.collection import Options, Summary, translate_collection
from cyclegan.inference.passes import Memory, Passes, Precision
from cyclegan.inference.saved import Facts
from cyclegan.pictures.decoding import decode
from cyclegan.pictures.images import GRAY, RGB, to_pixels, to_tensor
from cyclegan.pictures.photo import Photo, in_rows
from cyclegan.pictures.resampling import add_lines, resampling, resize_lines

Picture = NDArray[Any] | Image.Image | Tensor | str | Path

DTYPES = ("uint8", "uint16", "float16", "float32", "float64")
CHANNELS = ((), (1,), (2,), (3,), (4,))  # of arrays; with alpha as last channel for even numbers
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as PIL's conversion to gray


class Translator(ModelHubMixin):
    """Translates pictures from one look to another, at their own size. Thread-safe.

    `save_pretrained`, `push_to_hub` and `generate_model_card` come from huggingface_hub's ModelHubMixin.

    Args:
        generator: takes and gives (B, C, H, W) in [-1, 1]; has attributes `multiple` and `smallest` for H and W.
        facts: network, looks and crop size.
        device: where the generator runs.
        precision: ``"fp32"``, or ``"bf16"``; pictures of more than 8 bits always run in float32.
        compiled: whether to compile the generator, which pays for many pictures of one size.
        work_size: short side in pixels to which pictures are resized for the generator; its change is resized back and
            added to the original picture, which keeps its detail. None: pictures are not resized.
        memory: limit and temporary folder. Larger pictures are translated in bands of rows, with the same result.

    Attributes:
        card: the model card from its folder, if any; `save` writes it again.
    """

    def __init__(
        self,
        generator: nn.Module,
        facts: Facts,
        device: str | torch.device = "cpu",
        precision: Precision = "fp32",
        compiled: bool = False,
        work_size: int | None = None,
        memory: Memory = Memory(),  # noqa: B008 (a constant)
    ) -> None:
        self.passes = Passes(generator, torch.device(device), precision, compiled, memory)
        self.facts = facts
        self.work_size = work_size
        self.card: Card | None = None

    @property
    def generator(self) -> nn.Module:
        """The network: takes and gives (B, C, H, W) in [-1, 1]; H and W are multiples of its `multiple`."""
        return self.passes.generator

    @property
    def device(self) -> torch.device:
        """Where the generator runs."""
        return self.passes.device

    @property
    def parameters(self) -> int:
        """Number of parameters of the generator."""
        return sum(each.numel() for each in self.generator.parameters())

    @property
    def channels(self) -> int:
        """Number of channels: 1 (gray) or 3 (RGB)."""
        return int(self.facts.options.get("channels", RGB))

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls,
        source: str | Path,
        to: str | None = None,
        device: str | torch.device = "cpu",
        precision: Precision = "fp32",
        compiled: bool = False,
        work_size: int | None = None,
        memory: Memory = Memory(),  # noqa: B008 (a constant)
    ) -> "Translator":
        """Load the translator to the look `to` from a run, a checkpoint, a translator folder, or the Hub.

        Raises:
            UsageError: if there is none, or `to` is missing or unknown (the message lists the targets).
        """
        generator, facts, folder = saved.find(source, to)
        translator = cls(generator, facts, device, precision, compiled, work_size, memory)
        translator.card = Card.read(folder) if folder else None
        return translator

    @classmethod
    def from_reference(
        cls,
        path: str | Path,
        looks: tuple[str, str] = ("a", "b"),
        device: str | torch.device = "cpu",
        precision: Precision = "fp32",
    ) -> "Translator":
        """Load a weight file of the reference implementation, such as ``latest_net_G_A.pth``.

        Args:
            path: G_A translates from the first look to the second, G_B back, and G alone to the second.
            looks: names of both looks.
            device: where the generator runs.
            precision: as for the class.

        Raises:
            UsageError: if the file is not of this kind.
        """
        generator, facts, _ = saved.from_reference(path, looks)
        return cls(generator, facts, device, precision)

    def save(self, folder: Path) -> None:
        """Write `config.json`, `model.safetensors` and the model card (Hugging Face Hub layout) to a folder."""
        saved.save(self.generator, self.facts, folder)
        (self.card or describe(self.facts, self.parameters)).write(folder)

    def _save_pretrained(self, save_directory: Path) -> None:
        self.save(save_directory)

    def generate_model_card(self, *_: Any, **__: Any) -> ModelCard:
        """The model card, as a class of huggingface_hub."""
        return ModelCard((self.card or describe(self.facts, self.parameters)).text)

    def fingerprint(self) -> str:
        """Hash of everything that determines this translator's results."""
        found = hashlib.sha256(f"{self.facts} {self.passes.precision} {self.work_size}".encode())
        for name, tensor in sorted(self.generator.state_dict().items()):
            found.update(name.encode())
            found.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy())
        return found.hexdigest()

    def __call__(self, picture: Picture) -> Any:
        """Translate one picture.

        Args:
            picture: an array (H, W) or (H, W, C) of uint8, uint16 or floats in [0, 1], with C = 1 (gray), 3 (RGB), or
                one more for alpha, which is not changed; a PIL image; a tensor (B, C, H, W) in [-1, 1]; or a path.

        Returns:
            The same kind of picture at the same size; a PIL image for a path. PIL images of modes L, LA, RGB, RGBA,
            CMYK, I;16 and F keep their mode; other modes become the nearest of these.

        Raises:
            ValueError: for an array or tensor of another shape or type.
            BrokenImageError: for a file that cannot be read.
        """
        return self.batch([picture])[0]

    def batch(self, pictures: Sequence[Picture]) -> list[Any]:
        """Translate pictures, those of one size together; see `__call__`. Equal to single calls up to rounding."""
        results: list[Any] = [self.translate(each) if isinstance(each, Tensor) else None for each in pictures]
        photos = {place: _photo(each) for place, each in enumerate(pictures) if not isinstance(each, Tensor)}
        for place, photo in zip(photos, self.photos(list(photos.values())), strict=True):
            results[place] = _like(pictures[place], photo)
        return results

    def folder(self, source: str | Path, target: str | Path, overwrite: bool = False) -> Summary:
        """Translate all pictures below a folder to the same tree in another folder, as the command does.

        Returns:
            Numbers of translated and skipped pictures, and the failures with their reasons.
        """
        return translate_collection(self, [str(source)], Path(target), Options(overwrite=overwrite))

    def translate(self, pictures: Tensor) -> Tensor:
        """Translate (B, C, H, W) in [-1, 1] of any size to float32; padded by reflection and cropped back.

        Raises:
            ValueError: for another shape or type.
        """
        fits = pictures.ndim == 4 and pictures.shape[1] == self.channels and 0 not in pictures.shape
        if not fits or not pictures.is_floating_point():
            expected = f"(B, {self.channels}, H, W) of floats in [-1, 1]"
            raise ValueError(
                f"A tensor must be {expected}, got {tuple(pictures.shape)} of {pictures.dtype}. Convert it."
            )
        height, width = pictures.shape[-2:]
        room = self.passes.limit - 2 * pictures.nbytes
        if not self.passes.in_bands(height, width, room):
            return self.passes.whole(pictures)
        result = torch.empty_like(pictures, dtype=torch.float32)
        for picture, painted in zip(pictures, result, strict=True):
            self._in_bands(picture.float(), painted, room)
        return result

    def photos(self, photos: Sequence[Photo], room: int | None = None, batch_size: int | None = None) -> list[Photo]:
        """Translate photos, those of one size together.

        Args:
            photos: of any sizes.
            room: bytes available to the passes; None: the memory limit without these photos.
            batch_size: largest number in one pass; None: chosen for the device.
        """
        groups: dict[Any, list[int]] = defaultdict(list)
        for place, photo in enumerate(photos):
            groups[photo.size, photo.colours.dtype == np.uint8].append(place)
        results: list[Photo] = list(photos)
        for places in groups.values():
            first = photos[places[0]]
            left = self.passes.limit - 2 * sum(photos[each].nbytes for each in places) if room is None else room
            step = batch_size or self.passes.at_once(*self._work_size(first), left)
            for start in range(0, len(places), step):
                chunk = places[start : start + step]
                for place, made in zip(chunk, self._alike([photos[each] for each in chunk], left), strict=True):
                    results[place] = made
        return results

    def _alike(self, photos: list[Photo], room: int) -> list[Photo]:
        """Translate photos of one size."""
        exact = photos[0].colours.dtype != np.uint8
        size = photos[0].size
        if self._work_size(photos[0]) != size:
            return [self._at_work_size(photo, exact, room) for photo in photos]
        if self.passes.in_bands(*size, room, exact):
            return [self._streamed(photo, exact, room) for photo in photos]
        tensors = torch.stack([self._tensor(photo, 0, size[0]) for photo in photos])
        results = self.passes.whole(tensors, exact)
        translated = zip(photos, results, strict=True)
        return [replace(photo, colours=_colours(photo, result)) for photo, result in translated]

    def _streamed(self, photo: Photo, exact: bool, room: int) -> Photo:
        colours = np.empty_like(photo.colours)

        def write(top: int, band: Tensor) -> None:
            colours[top : top + band.shape[1]] = _colours(photo, band)

        self._stream(lambda top, bottom: self._tensor(photo, top, bottom), write, photo.size, room, exact)
        return replace(photo, colours=colours)

    def _in_bands(self, picture: Tensor, painted: Tensor, room: int) -> None:
        def write(top: int, band: Tensor) -> None:
            painted[:, top : top + band.shape[1]] = band

        size = (picture.shape[1], picture.shape[2])
        self._stream(lambda top, bottom: picture[:, top:bottom], write, size, room, exact=False)

    def _stream(self, read: Any, write: Any, size: tuple[int, int], room: int, exact: bool) -> None:
        """As `Passes.stream`, with rows (C, rows, W) of the picture without padding."""
        height, width = size
        rows, columns = self.passes.mirrored(height), self.passes.mirrored(width)

        def read_padded(top: int, bottom: int) -> Tensor:
            wanted = rows[top:bottom]
            first, last = int(wanted.min()), int(wanted.max()) + 1
            return read(first, last)[:, wanted - first][None, :, :, columns]

        def write_cropped(top: int, band: Tensor) -> None:
            if top < height:
                write(top, band[0, :, : height - top, :width].float())

        self.passes.stream(read_padded, write_cropped, (len(rows), len(columns)), room, exact)

    def _at_work_size(self, photo: Photo, exact: bool, room: int) -> Photo:
        (height, width), (rows, columns) = photo.size, self._work_size(photo)
        to_rows, to_columns = resampling(height, rows), resampling(width, columns)
        small = torch.zeros(self.channels, rows, columns)
        for top, bottom in in_rows(height, width):
            narrow = resize_lines(self._tensor(photo, top, bottom), to_columns)
            add_lines(small.transpose(1, 2), narrow.transpose(1, 2), to_rows, top)
        small.clamp_(-1, 1)  # bicubic resizing overshoots at edges
        if self.passes.in_bands(rows, columns, room, exact):
            painted = torch.empty_like(small)
            self._in_bands(small, painted, room)
        else:
            painted = self.passes.whole(small[None], exact)[0]
        change = (painted.cpu() - small).transpose(1, 2)
        to_rows, to_columns = resampling(rows, height), resampling(columns, width)
        colours = np.empty_like(photo.colours)
        for top, bottom in in_rows(height, width):
            changed = resize_lines(resize_lines(change, to_rows, slice(top, bottom)).transpose(1, 2), to_columns)
            band = self._tensor(photo, top, bottom) + changed
            colours[top:bottom] = _colours(photo, band.clamp_(-1, 1))
        return replace(photo, colours=colours)

    def _work_size(self, photo: Photo) -> tuple[int, int]:
        """Height and width of the generator's input."""
        if self.work_size is None:
            return photo.size
        factor = self.work_size / min(photo.size)
        height, width = (max(1, round(each * factor)) for each in photo.size)
        return height, width

    def _tensor(self, photo: Photo, top: int, bottom: int) -> Tensor:
        """Rows of a photo as input of the generator."""
        return _with_channels(to_tensor(photo.rows(top, bottom)), self.channels)


def _photo(picture: NDArray[Any] | Image.Image | str | Path) -> Photo:
    if isinstance(picture, str | Path):
        return decode(Path(picture))[0]
    if isinstance(picture, Image.Image) and min(picture.size) > 0:
        return Photo.of_image(picture)
    if not isinstance(picture, np.ndarray):
        raise ValueError(f"A picture must be an array, a tensor, a PIL image or a path, got {picture!r}. Convert it.")
    if (
        0 in picture.shape
        or picture.dtype.name not in DTYPES
        or picture.ndim not in (2, 3)
        or picture.shape[2:] not in CHANNELS
    ):
        expected = f"(H, W) or (H, W, 1 to 4) of {', '.join(DTYPES)}"
        raise ValueError(f"An array must be {expected}, got {picture.shape} of {picture.dtype}. Convert it.")
    return Photo.of_array(picture)


def _like(picture: Any, result: Photo) -> NDArray[Any] | Image.Image:
    """Convert a result to the type of the input."""
    if isinstance(picture, np.ndarray):
        return result.array.reshape(picture.shape)
    return result.to_image()


def _colours(photo: Photo, result: Tensor) -> NDArray[Any]:
    return to_pixels(_with_channels(result, photo.colours.shape[2]), photo.colours.dtype)


def _with_channels(picture: Tensor, channels: int) -> Tensor:
    if picture.shape[0] == channels:
        return picture
    if picture.shape[0] == GRAY:
        return picture.expand(channels, -1, -1)
    return torch.einsum("chw,c->hw", picture, picture.new_tensor(LUMA))[None]
