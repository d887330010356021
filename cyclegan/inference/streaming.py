"""The ResNet generator in bands of rows: the result of one pass over a picture of any size, in bounded memory.

Instance norm needs the statistics of the whole picture, so tiles that are translated separately show seams. Here each
layer is computed over the whole picture before the next layer. A convolution processes the picture band by band; its
output is stored in memory or in a temporary file, while its mean and variance are accumulated for the following norm.
Every value is computed once, from the same inputs as in one pass, so results differ only by rounding.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Literal, Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cyclegan.networks.resnet import ResidualBlock, ResnetGenerator

Read = Callable[[int, int], Tensor]  # rows from, to -> (1, C, to - from, W)
Write = Callable[[int, Tensor], None]  # first row, band (1, C, rows, W)
Operation = Callable[[Tensor], Tensor]
Border = Literal["reflect", "zeros", "replicate"]  # padding above and below the picture

COPIES = 5  # of a band during a convolution: read, normalised, padded, in the library's layout, result
BAND_SHARE = 4  # bands get 1 / BAND_SHARE of the memory (more if they need it), feature maps the rest
LARGEST_BAND = 100 * 2**20  # bytes; larger bands do not fit into the caches and are slower
FEWEST_ROWS = 2  # per band, as each band also reads rows of its neighbours


class NoRoomError(Exception):
    """Memory or disk space is too small; the message says how much is needed."""


class _Map(Protocol):
    """A feature map (C, H, W) that is read and written by rows."""

    channels: int
    height: int
    width: int

    def read(self, top: int, bottom: int) -> Tensor: ...

    def write(self, top: int, band: Tensor) -> None: ...


class _Outside:
    """The input or the output picture, in the caller's memory."""

    def __init__(self, shape: tuple[int, int, int], read: Read | None = None, write: Write | None = None) -> None:
        self.channels, self.height, self.width = shape
        self._read, self._write = read, write

    def read(self, top: int, bottom: int) -> Tensor:
        assert self._read
        return self._read(top, bottom)

    def write(self, top: int, band: Tensor) -> None:
        assert self._write
        self._write(top, band)


class _InMemory:
    def __init__(self, shape: tuple[int, int, int], dtype: torch.dtype) -> None:
        self.channels, self.height, self.width = shape
        self.values = torch.empty(self.height, self.width, self.channels, dtype=dtype)  # channels last

    def read(self, top: int, bottom: int) -> Tensor:
        return self.values[top:bottom].permute(2, 0, 1)[None]

    def write(self, top: int, band: Tensor) -> None:
        self.values[top : top + band.shape[2]].copy_(band[0].permute(1, 2, 0))


class _OnDisk:
    """In a temporary file. Not memory-mapped, as mapped pages would count as memory of this process."""

    def __init__(self, shape: tuple[int, int, int], dtype: torch.dtype, folder: Path) -> None:
        self.channels, self.height, self.width = shape
        self.dtype = dtype
        self.row = self.width * self.channels * dtype.itemsize
        self.file = TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 (closed with the map)

    def read(self, top: int, bottom: int) -> Tensor:
        band = torch.empty(bottom - top, self.width, self.channels, dtype=self.dtype)
        self._all(os.preadv, band, top)
        return band.permute(2, 0, 1)[None]

    def write(self, top: int, band: Tensor) -> None:
        self._all(os.pwritev, band[0].permute(1, 2, 0).contiguous().cpu(), top)

    def _all(self, move: Callable[[int, list[memoryview], int], int], band: Tensor, top: int) -> None:
        rest, place = memoryview(cast(Any, band.view(torch.uint8).numpy())).cast("B"), top * self.row
        while rest:
            moved = move(self.file.fileno(), [rest], place)
            if not moved:
                raise OSError("a temporary file was truncated")
            rest, place = rest[moved:], place + moved


class _Moments:
    """Mean and variance per channel, accumulated over bands. Source: Chan, Golub, LeVeque, 1979 (pairwise updating)."""

    def __init__(self, channels: int) -> None:
        self.count = 0
        self.mean = torch.zeros(channels, dtype=torch.float64)
        self.squares = torch.zeros(channels, dtype=torch.float64)

    def add(self, band: Tensor) -> None:
        pixels = band[0].permute(1, 2, 0).reshape(-1, band.shape[1]).float()
        count = len(pixels)
        mean = pixels.mean(0)
        squares = (pixels - mean).square_().sum(0).cpu().double()
        away = mean.cpu().double() - self.mean
        total = self.count + count
        self.mean += away * (count / total)
        self.squares += squares + away.square() * (self.count * count / total)
        self.count = total

    def normalise(self, eps: float) -> Operation:
        mean = self.mean.float()[:, None, None]
        scale = (self.squares / self.count + eps).rsqrt().float()[:, None, None]
        return lambda band: band.float().sub(mean.to(band.device)).mul_(scale.to(band.device)).to(band.dtype)


class Streaming:
    """One pass of one picture through a generator, in bands.

    Args:
        generator: in evaluation mode, on any device, to which one band at a time is moved.
        height: rows of the picture, a multiple of the generator's `multiple`.
        width: columns of the picture, a multiple of `multiple`.
        memory: bytes beyond those of the input and output pictures.
        folder: for temporary files with the feature maps that do not fit into memory.

    Raises:
        NoRoomError: if the memory cannot hold the narrowest band, or the disk the temporary files.
    """

    def __init__(self, generator: ResnetGenerator, height: int, width: int, memory: int, folder: Path) -> None:
        self.generator = generator
        self.dtype, self.device = (getattr(next(generator.parameters()), name) for name in ("dtype", "device"))
        self.size = (height, width)
        first = self._stages()[0]
        assert isinstance(first, nn.Conv2d)
        self.shape = (first.in_channels, *self.size)  # of the input picture
        self.memory = memory
        self.folder = folder
        self._bands = memory // BAND_SHARE
        self._dry = True  # a dry run determines how much memory and disk space the pass needs
        for _ in range(2):  # the second time with enough memory for the narrowest band
            self._take(_Outside(self.shape), _Outside((0, 0, 0)))
            self._bands = max(self._bands, self.narrowest)
        self._dry = False
        self._check_room()

    def run(self, read: Read, write: Write) -> None:
        """Translate a picture: `read` returns input rows, `write` receives output rows."""
        with torch.inference_mode():
            self._take(_Outside(self.shape, read), _Outside((0, *self.size), write=write))

    def _stages(self) -> list[nn.Module]:
        return list(_flat(self.generator))

    def _check_room(self) -> None:
        if self.narrowest > self.memory:
            raise NoRoomError(
                f"{self.narrowest / 2**20 + 1:,.0f} MiB of memory beside the picture, got "
                f"{max(0, self.memory) / 2**20:,.0f} MiB. Give --max-memory more, or use --work-size."
            )
        free = shutil.disk_usage(self.folder).free
        if self.most_on_disk > free:
            raise NoRoomError(
                f"{self.most_on_disk / 2**30:.1f} GiB of temporary files in {self.folder}, "
                f"got {free / 2**30:.1f} GiB. Name another folder with --temp-dir."
            )

    def _take(self, source: _Map, sink: _Map) -> None:
        self.narrowest = self.most_on_disk = 0
        self._held: dict[int, tuple[int, bool]] = {}
        self._picture = self._map = source
        self._pending: list[Operation] = []  # operations not yet applied to the values of the map
        self._skips: list[tuple[ResidualBlock, _Map]] = []  # inputs of residual blocks that have not ended
        stages = self._stages()
        while stages:
            stage, after = stages.pop(0), []
            while stages and not isinstance(stages[0], (*CONVOLUTIONS, nn.InstanceNorm2d, ResidualBlock)):
                after.append(stages.pop(0))
            if isinstance(stage, ResidualBlock):
                self._enter_or_leave(stage)
            elif isinstance(stage, nn.InstanceNorm2d):
                self._pending = [self._moments.normalise(stage.eps), *after]
            else:
                measured = bool(stages) and isinstance(stages[0], nn.InstanceNorm2d)
                self._convolve(stage, after, measured, None if stages else sink)

    def _enter_or_leave(self, block: ResidualBlock) -> None:
        """Handle a residual block, which is a stage twice: at its beginning and at its end."""
        if self._skips and self._skips[-1][0] is block:
            self._add(self._skips.pop()[1])
        else:
            self._settle()
            self._skips.append((block, self._map))

    def _convolve(self, conv: nn.Module, after: list[nn.Module], measured: bool, sink: _Map | None) -> None:
        source = self._map
        up, down = _scale(conv)
        height, width = source.height * up // down, source.width * up // down
        channels = int(cast(Any, conv[1] if isinstance(conv, nn.Sequential) else conv).out_channels)
        target = sink or self._new_map((channels, height, width))
        moments = _Moments(channels)
        rows = self._rows(source, (channels, height, width), up, down)
        for top in range(0, height if not self._dry else 0, rows):
            bottom = min(height, top + rows)
            band = _apply(conv, self._band(*_reach(conv, top, bottom)), bottom - top)
            for stage in after:
                band = stage(band)
            if measured:
                moments.add(band)
            if sink:
                band = self.generator.paint(band, self._read(self._picture, top, bottom))
            target.write(top, band)
        self._moments, self._pending = moments, []
        self._map = target
        if all(source is not each for _, each in self._skips):
            self._drop(source)

    def _band(self, top: int, bottom: int, border: Border) -> Tensor:
        """Rows of the map with pending operations applied, padded where they lie outside of the map."""
        height = self._map.height
        first, last = max(0, top), min(height, bottom)
        band = self._read(self._map, first, last)
        for operation in self._pending:
            band = operation(band)
        if (first, last) == (top, bottom):
            return band
        if border == "zeros":
            return F.pad(band, (0, 0, first - top, bottom - last))
        places = torch.arange(top, bottom)
        if border == "reflect":
            places = (height - 1) - ((height - 1) - places.abs()).abs()
        return band[:, :, places.clamp(0, height - 1) - first]

    def _read(self, source: _Map, top: int, bottom: int) -> Tensor:
        return source.read(top, bottom).to(self.device, self.dtype)

    def _settle(self) -> None:
        """Apply the pending operations to the whole map."""
        if self._pending:
            self._pointwise(self._map, lambda top, bottom: self._band(top, bottom, "zeros"))
            self._pending = []

    def _add(self, residual: _Map) -> None:
        """Add the input of a residual block at its end."""

        def sum_up(top: int, bottom: int) -> Tensor:
            return residual.read(top, bottom).to(self.device) + self._band(top, bottom, "zeros")

        self._pointwise(residual, sum_up)
        self._drop(self._map)
        self._map, self._pending = residual, []

    def _pointwise(self, target: _Map, values: Callable[[int, int], Tensor]) -> None:
        rows = self._rows(target, (target.channels, target.height, target.width), 1, 1)
        for top in range(0, target.height if not self._dry else 0, rows):
            target.write(top, values(top, min(target.height, top + rows)))

    def _rows(self, source: _Map, shape: tuple[int, int, int], up: int, down: int) -> int:
        """Number of output rows per band that fit into memory, a multiple of `up`."""
        channels, height, width = shape
        one = COPIES * 4 * (source.channels * source.width * down + channels * width * up)  # of `up` rows in float32
        self.narrowest = max(self.narrowest, one * FEWEST_ROWS)
        return min(height, max(FEWEST_ROWS, min(LARGEST_BAND, self._bands) // one) * up)

    def _new_map(self, shape: tuple[int, int, int]) -> _Map:
        size = shape[0] * shape[1] * shape[2] * self.dtype.itemsize
        held = sum(each for each, on_disk in self._held.values() if not on_disk)
        on_disk = held + size > self.memory - self._bands
        if self._dry:
            made: _Map = _Outside(shape)
        else:
            made = _OnDisk(shape, self.dtype, self.folder) if on_disk else _InMemory(shape, self.dtype)
        self._held[id(made)] = (size, on_disk)
        self.most_on_disk = max(self.most_on_disk, sum(each for each, there in self._held.values() if there))
        return made

    def _drop(self, unused: _Map) -> None:
        self._held.pop(id(unused), None)


CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d, nn.Sequential)  # among the stages, a Sequential is a resize-convolution


def _flat(module: nn.Module) -> Iterator[nn.Module]:
    """Layers in the order of computation; a residual block appears at its beginning and at its end."""
    children = list(module.children())
    if isinstance(module, ResidualBlock):
        yield module
    if not children or isinstance(children[0], nn.Upsample):
        if not isinstance(module, nn.Sequential) or children:  # an empty one does nothing
            yield module
    else:
        for child in children:
            yield from _flat(child)
    if isinstance(module, ResidualBlock):
        yield module


def _scale(conv: nn.Module) -> tuple[int, int]:
    """The factors by which the size grows and shrinks."""
    return (1, int(conv.stride[0])) if isinstance(conv, nn.Conv2d) else (2, 1)


def _reach(conv: nn.Module, top: int, bottom: int) -> tuple[int, int, Border]:
    """The input rows that these output rows depend on, and the padding outside of the input."""
    if isinstance(conv, nn.Conv2d):
        stride, padding, kernel = conv.stride[0], int(conv.padding[0]), conv.kernel_size[0]
        border: Border = "reflect" if conv.padding_mode == "reflect" else "zeros"
        return top * stride - padding, (bottom - 1) * stride - padding + kernel, border
    if isinstance(conv, nn.Sequential):
        return top // 2 - 1, bottom // 2 + 1, "replicate"  # after doubling, replication equals reflection
    return top // 2, bottom // 2 + 1, "zeros"


def _apply(conv: nn.Module, band: Tensor, rows: int) -> Tensor:
    """Apply a convolution to a band that contains all input rows."""
    if isinstance(conv, nn.ConvTranspose2d):
        return conv(band)[:, :, :rows]
    if isinstance(conv, nn.Sequential):
        band, conv = conv[0](band)[:, :, 1:-1], conv[1]
    assert isinstance(conv, nn.Conv2d)
    sides = int(conv.padding[1])
    band = F.pad(band, (sides, sides, 0, 0), mode="reflect" if conv.padding_mode == "reflect" else "constant")
    return F.conv2d(band, conv.weight, conv.bias, stride=conv.stride)
