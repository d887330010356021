"""Features of pictures, by networks: the numbers that KID and FID compare."""

from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3
from torchmetrics.image.fid import NoTrainInceptionV3

from cyclegan.console.errors import UsageError
from cyclegan.console.output import move, progress_bar
from cyclegan.eyes import load_eyes
from cyclegan.eyes.weights import NAMES as EYES
from cyclegan.files.download import fetch
from cyclegan.interop.onnx import ONNX, open_session
from cyclegan.pictures.images import RGB

INCEPTION = "inception"
ONNX_TYPES = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}


class Extractor(Protocol):
    """A function from pictures to their features, without a state.

    Attributes:
        name: of the features, which every table states, as scores by different features cannot be compared.
    """

    name: str

    def __call__(self, pictures: Tensor, /) -> Tensor:
        """Features (N, D) of pictures (N, 3, H, W), RGB, uint8, computed on their device if possible."""
        ...


def load_extractor(name: str) -> Extractor:
    """An extractor by its name: ``inception``, ``lite0``, ``lite1``, ``lite2``, or the path of an ``.onnx`` file.

    Raises:
        UsageError: if there is none, or its weights or libraries are missing.
    """
    if name == INCEPTION:
        return Inception()
    if Path(name).suffix.lower() == ONNX:
        return OnnxExtractor(Path(name))
    if name in EYES:
        return EyesExtractor(name)
    raise UsageError(
        f"features must be {INCEPTION}, {', '.join(EYES)} or the path of an .onnx file, got {name}. "
        "Name one of these, or leave features out."
    )


class Inception:
    """Pooled features (D = 2048) of the Inception network that published FIDs and KIDs are measured with.

    Pictures are resized to 299x299 without antialiasing, as in the original code; torchmetrics' default gives other
    numbers for larger pictures. The weights (91 MB) are downloaded when they are first needed.

    Raises:
        UsageError: if the weights cannot be downloaded.
    """

    name = INCEPTION

    def __init__(self) -> None:
        weights = published_weights(URL_INCEPTION_V3)
        self.network: nn.Module = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(weights), antialias=False)

    @torch.inference_mode()
    def __call__(self, pictures: Tensor) -> Tensor:
        """Features (N, 2048) of (N, 3, H, W), uint8."""
        return cast(Tensor, self.network.to(pictures.device)(pictures))


class EyesExtractor:
    """Pooled features (D = 1280) of an EfficientNet-Lite, see `cyclegan.eyes`. Their scores are not those of papers.

    Args:
        name: ``lite0``, ``lite1`` or ``lite2``.

    Raises:
        UsageError: if the weights cannot be had.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.network = deepcopy(load_eyes(name))

    @torch.inference_mode()
    def __call__(self, pictures: Tensor) -> Tensor:
        """Features (N, 1280) of (N, 3, H, W), uint8.

        Raises:
            UsageError: for pictures smaller than 32 px.
        """
        return self.network.to(pictures.device).pooled(pictures.float() / 127.5 - 1)


class OnnxExtractor:
    """Features by a network in an ONNX file.

    The network must have one input (N, 3, H, W), RGB: float32 in [0, 1], or uint8. If the file fixes H and W, pictures
    are resized to them (bicubic); if it fixes N, they come in batches of N. The first output is flattened to (N, D).

    Args:
        path: the ONNX file.

    Raises:
        UsageError: if it cannot be read, has another input, or ONNX Runtime is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name, self.session = path, path.name, open_session(path)
        inputs = self.session.get_inputs()
        shape = inputs[0].shape
        if len(inputs) != 1 or len(shape) != 4 or shape[1] != RGB or inputs[0].type not in ONNX_TYPES:
            taken = ", ".join(f"{each.type.removeprefix('tensor')} {each.shape}" for each in inputs)
            raise UsageError(f"{path} must take one input (N, {RGB}, H, W) of float32 or uint8, got {taken}.")
        self.type = ONNX_TYPES[inputs[0].type]
        self.batch, _, *self.size = (length if isinstance(length, int) else None for length in shape)

    def __call__(self, pictures: Tensor) -> Tensor:
        """Features (N, D) of (N, 3, H, W), uint8.

        Raises:
            UsageError: if the network fails on them.
        """
        size = [fixed or own for fixed, own in zip(self.size, pictures.shape[2:], strict=True)]
        levels = F.interpolate(pictures.cpu(), size, mode="bicubic", antialias=True).numpy()
        values: NDArray[Any] = levels if self.type is np.uint8 else levels.astype(np.float32) / 255
        step = self.batch or len(values)
        full = np.concatenate([values, values[:1].repeat(-len(values) % step, axis=0)])
        outputs = [self._run(full[start : start + step]) for start in range(0, len(full), step)]
        return torch.from_numpy(np.concatenate(outputs)[: len(values)])

    def _run(self, values: NDArray[Any]) -> NDArray[Any]:
        name = self.session.get_inputs()[0].name
        try:
            return np.asarray(self.session.run(None, {name: values})[0]).reshape(len(values), -1)
        except Exception as error:  # ONNX Runtime's errors have no base class of their own
            reason = " ".join(str(error).split())
            raise UsageError(
                f"{self.path} must give features of pictures {values.shape}, but fails ({reason}). Name another file."
            ) from error


def published_weights(url: str) -> Path:
    """A published weight file, downloaded to torch's own folder of such files unless it is there.

    Args:
        url: ends in a dash, the first digits of the file's sha256, and a suffix.

    Raises:
        UsageError: if it cannot be downloaded (the message tells how to get it by hand), or has another sha256.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not path.exists():
        with progress_bar("fetching weights", "B", unit_scale=True, leave=False, delay=1) as bar:
            fetch(url, path, lambda done, total: move(bar, done, total))
    digits = path.stem.rpartition("-")[2]
    if not sha256(path.read_bytes()).hexdigest().startswith(digits):  # pickle reads it, so it could run code
        raise UsageError(f"{path} must have a sha256 that begins with {digits}, but has not. Delete it and try again.")
    return path
