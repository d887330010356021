"""Forward passes of a generator over pictures of any size, in limited memory: whole, or in bands of rows."""

import copy
from pathlib import Path
from tempfile import gettempdir
from threading import Lock
from typing import Any, Literal, NamedTuple, cast

import torch
from torch import Tensor, nn

from cyclegan.console.errors import UsageError
from cyclegan.hardware.cpu import prepare
from cyclegan.hardware.memory import bytes_per_pixel, free_memory
from cyclegan.inference.streaming import NoRoomError, Read, Streaming, Write
from cyclegan.interop.onnx import OnnxGenerator
from cyclegan.networks import ResnetGenerator
from cyclegan.pictures.padding import mirrored

Precision = Literal["fp32", "bf16"]

MEMORY_SHARE = 0.5  # default limit, as a share of the free memory
BANDS_FROM = 2**20  # pixels; on a CPU, larger pictures are faster in bands, which fit into its caches
MOST_PER_PIXEL = 8192  # bytes; an upper bound for all generators, to skip measuring for small pictures
AT_ONCE = {"cpu": 2**16, "cuda": 2**22}  # pixels in one pass
MOST_AT_ONCE = 64  # pictures in one pass


class Memory(NamedTuple):
    """Memory for translation.

    Args:
        limit: bytes beyond those of the idle program; None: half of the free memory.
        folder: for temporary files of pictures that do not fit into memory; None: the system's temporary folder.
    """

    limit: int | None = None
    folder: Path | None = None


class Passes:
    """Forward passes of one generator. Thread-safe.

    Args:
        generator: takes and gives (B, C, H, W) in [-1, 1]; has attributes `multiple` and `smallest` for H and W.
        device: where the generator runs.
        precision: ``"fp32"``, or ``"bf16"`` for pictures of 8 bits.
        compiled: whether to compile the generator, which pays for many pictures of one size.
        memory: limit and temporary folder.
    """

    def __init__(
        self, generator: nn.Module, device: torch.device, precision: Precision, compiled: bool, memory: Memory
    ) -> None:
        self.generator = generator.eval().requires_grad_(False).to(device).to(memory_format=torch.contiguous_format)
        self.device = device
        finished = isinstance(generator, OnnxGenerator)  # with its own precision, and already compiled
        self.precision: Precision = "fp32" if finished else precision
        self.compiled = compiled and not finished
        self.folder = memory.folder or Path(gettempdir())
        self.limit = memory.limit if memory.limit is not None else int(MEMORY_SHARE * free_memory())
        self._lock = Lock()
        self._networks: dict[torch.dtype, nn.Module] = {torch.float32: self.generator}
        self._compiled: dict[torch.dtype, nn.Module] = {}
        self._per_pixel: dict[torch.dtype, float] = {}

    def whole(self, pictures: Tensor, exact: bool = False) -> Tensor:
        """Translate (B, C, H, W) in [-1, 1] in one pass, to float32. `exact`: also compute in float32."""
        height, width = pictures.shape[-2:]
        rows, columns = self.mirrored(height), self.mirrored(width)
        if (len(rows), len(columns)) != (height, width):
            pictures = pictures[..., rows, :][..., columns]
        dtype = self._dtype(exact)
        network = self._network(dtype)
        with torch.inference_mode():
            placed = pictures.to(self.device, dtype)
            if dtype != torch.float32 and self.device.type == "cpu":
                placed = placed.contiguous(memory_format=torch.channels_last)
            return cast(Tensor, network(placed))[..., :height, :width].float()

    def in_bands(self, height: int, width: int, room: int, exact: bool = False) -> bool:
        """Whether a picture should be translated in bands.

        Args:
            height: rows of the picture.
            width: columns of the picture.
            room: bytes available to the pass.
            exact: whether it is computed in float32.

        Raises:
            UsageError: if one pass does not fit and the generator cannot work in bands; with the memory it needs.
        """
        pixels = len(self.mirrored(height)) * len(self.mirrored(width))
        needed = 0 if pixels * MOST_PER_PIXEL < room else self._needed(pixels, exact)
        if isinstance(self.generator, ResnetGenerator):
            return needed > self._room(room) or (self.device.type == "cpu" and pixels >= BANDS_FROM)
        if needed > self._room(room):
            kind = type(self.generator).__name__
            raise UsageError(
                f"{width}x{height} pixels must have about {needed / 2**20:,.0f} MiB of memory, got "
                f"{max(0, room) / 2**20:,.0f} MiB: a {kind} cannot be streamed. Give --max-memory more, or --work-size."
            )
        return False

    def stream(self, read: Read, write: Write, size: tuple[int, int], room: int, exact: bool = False) -> None:
        """Translate a picture in bands; `read` and `write` access rows of the padded picture."""
        network = cast(ResnetGenerator, self._plain(self._dtype(exact)))
        try:
            Streaming(network, *size, room, self.folder).run(read, write)
        except NoRoomError as error:
            raise UsageError(f"{size[1]}x{size[0]} pixels must have {error}") from error

    def at_once(self, height: int, width: int, room: int) -> int:
        """Best number of pictures of one size in one pass."""
        pixels = max(1, len(self.mirrored(height)) * len(self.mirrored(width)))
        fit = max(1, room // (pixels * MOST_PER_PIXEL)) if self.device.type == "cpu" else MOST_AT_ONCE
        return min(MOST_AT_ONCE, fit, max(1, AT_ONCE.get(self.device.type, AT_ONCE["cuda"]) // pixels))

    def mirrored(self, length: int) -> Tensor:
        """Indices that extend a side by reflection to a length that the generator accepts."""
        generator = cast(Any, self.generator)
        length = max(1, length)  # 0 in the header of a damaged file
        return mirrored(length, int(generator.multiple), int(generator.smallest))

    def _dtype(self, exact: bool) -> torch.dtype:
        return torch.bfloat16 if self.precision == "bf16" and not exact else torch.float32

    def _plain(self, dtype: torch.dtype) -> nn.Module:
        """The generator with weights of this type; autocast would cast them in every pass."""
        with self._lock:
            if dtype not in self._networks:
                self._networks[dtype] = copy.deepcopy(self.generator).to(dtype)
                prepare(self._networks[dtype], self.device, training=False)
            return self._networks[dtype]

    def _network(self, dtype: torch.dtype) -> nn.Module:
        plain = self._plain(dtype)
        if not self.compiled:
            return plain
        with self._lock:
            if dtype not in self._compiled:
                self._compiled[dtype] = cast(nn.Module, torch.compile(plain))
            return self._compiled[dtype]

    def _needed(self, pixels: int, exact: bool) -> int:
        dtype = self._dtype(exact)
        if dtype not in self._per_pixel:
            if isinstance(self.generator, OnnxGenerator):
                self._per_pixel[dtype] = self.generator.bytes_per_pixel
            else:
                self._per_pixel[dtype] = bytes_per_pixel(self._plain(dtype))
        return int(self._per_pixel[dtype] * pixels)

    def _room(self, room: int) -> int:
        """Bytes available to one pass; on a GPU, those of its own memory."""
        if self.device.type != "cuda":
            return room
        return int(0.8 * torch.cuda.mem_get_info(self.device)[0])
