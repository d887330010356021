"""What a network sees in pictures: numbers by which sets of pictures are compared."""

from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3
from torchmetrics.image.fid import NoTrainInceptionV3

from cyclegan.console.errors import UsageError
from cyclegan.console.output import move, progress_bar
from cyclegan.files.download import fetch
from cyclegan.pictures.images import RGB

INCEPTION = "inception"
ONNX_TYPES = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}


class Extractor(Protocol):
    """What gives features; it remembers nothing of what it saw."""

    def __call__(self, pictures: Tensor, /) -> Tensor:
        """Features (N, D) of pictures (N, 3, H, W), RGB, uint8; where the pictures are, if it can."""
        ...


def load_extractor(name: str) -> Extractor:
    """An extractor by its name: ``inception``, or the path of an ``.onnx`` file.

    Raises:
        UsageError: if there is none, or what it needs is missing.
    """
    if name == INCEPTION:
        return Inception()
    if Path(name).suffix.lower() == ".onnx":
        return OnnxExtractor(Path(name))
    raise UsageError(
        f"features must be {INCEPTION} or the path of an .onnx file, got {name}. Name one, or leave features out."
    )


class Inception:
    """Pooled features (D = 2048) of the Inception network that published FIDs and KIDs are measured with.

    Pictures are resized to 299x299 as the original code does it, without antialiasing: torchmetrics' own way gives
    other numbers for larger pictures. The weights (91 MB) are fetched when they are first needed.

    Raises:
        UsageError: if they cannot be had.
    """

    def __init__(self) -> None:
        weights = published_weights(URL_INCEPTION_V3)
        self.network: nn.Module = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(weights), antialias=False)

    @torch.inference_mode()
    def __call__(self, pictures: Tensor) -> Tensor:
        """Features (N, 2048) of (N, 3, H, W), uint8."""
        return cast(Tensor, self.network.to(pictures.device)(pictures))


class OnnxExtractor:
    """Features by a network in an ONNX file, on the processor.

    The network's one input must be (N, 3, H, W), RGB: of float32, it gets 0 to 1; of uint8, 0 to 255. Where the file
    fixes H and W, pictures are resized to them (bicubic); else it gets them at their size. Where it fixes N, they come
    in batches of N. The first output, flattened to (N, D), is the features.

    Args:
        path: of the file.

    Raises:
        UsageError: if it cannot be read, takes something else, or ONNX Runtime is not installed.
    """

    def __init__(self, path: Path) -> None:
        try:
            onnxruntime = import_module("onnxruntime")  # an optional extra
        except ImportError as error:
            raise UsageError(
                f'{path} needs ONNX Runtime, which is not installed. Run pip install "cyclegan[onnx]".'
            ) from error
        if not path.is_file():
            raise UsageError(f"There is no file {path}. Name an ONNX file as features.")
        onnxruntime.set_default_logger_severity(3)  # errors come as exceptions
        try:
            self.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own, of many kinds
            reason = " ".join(str(error).split())
            raise UsageError(f"{path} holds no network that can be read ({reason}). Name another file.") from error
        inputs = self.session.get_inputs()
        taken = [f"{each.type.removeprefix('tensor')} {each.shape}" for each in inputs]
        if (
            len(inputs) != 1
            or len(shape := inputs[0].shape) != 4
            or shape[1] != RGB
            or inputs[0].type not in ONNX_TYPES
        ):
            raise UsageError(
                f"{path} must take one input (N, {RGB}, H, W) of float32 or uint8, got {', '.join(taken)}."
            )
        self.path, self.input = path, inputs[0].name
        self.type = ONNX_TYPES[inputs[0].type]
        self.batch, _, *self.size = (length if isinstance(length, int) else None for length in shape)

    def __call__(self, pictures: Tensor) -> Tensor:
        """Features (N, D) of (N, 3, H, W), uint8.

        Raises:
            UsageError: if the network fails on them.
        """
        levels = _resized(pictures.cpu().numpy(), *self.size)
        values: NDArray[Any] = levels if self.type is np.uint8 else levels.astype(np.float32) / 255
        step = self.batch or len(values)
        full = np.concatenate([values, values[:1].repeat(-len(values) % step, axis=0)])
        outputs = [self._run(full[start : start + step]) for start in range(0, len(full), step)]
        return torch.from_numpy(np.concatenate(outputs)[: len(values)])

    def _run(self, values: NDArray[Any]) -> NDArray[Any]:
        try:
            return np.asarray(self.session.run(None, {self.input: values})[0]).reshape(len(values), -1)
        except Exception as error:  # onnxruntime's own, of many kinds
            reason = " ".join(str(error).split())
            raise UsageError(
                f"{self.path} must give features of pictures {values.shape}, but fails ({reason}). Name another file."
            ) from error


def published_weights(url: str) -> Path:
    """A published file of weights, fetched where torch keeps such files unless it is there.

    Args:
        url: its name ends in a dash, the first digits of its sha256, and a suffix, as torch's published files do.

    Raises:
        UsageError: if it cannot be had, saying how to get it by hand, or has other contents than its name says.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not path.exists():
        with progress_bar("fetching weights", "B", unit_scale=True, leave=False, delay=1) as bar:
            fetch(url, path, lambda done, total: move(bar, done, total))
    digits = path.stem.rpartition("-")[2]
    if not sha256(path.read_bytes()).hexdigest().startswith(digits):  # it is read by pickle: no other will do
        raise UsageError(f"{path} must have a sha256 that begins with {digits}, but has not. Delete it and try again.")
    return path


def _resized(levels: NDArray[np.uint8], height: int | None, width: int | None) -> NDArray[np.uint8]:
    """Pictures (N, 3, H, W) at another size, by PIL's bicubic filter; None leaves a side as it is."""
    size = (width or levels.shape[3], height or levels.shape[2])
    if size == (levels.shape[3], levels.shape[2]):
        return levels
    pictures = (Image.fromarray(each.transpose(1, 2, 0)) for each in levels)
    return np.stack([np.asarray(each.resize(size, Image.Resampling.BICUBIC)) for each in pictures]).transpose(
        0, 3, 1, 2
    )
