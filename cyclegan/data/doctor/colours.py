"""How far apart two sets of pictures are in colour and brightness."""

import cv2
import numpy as np
from numpy.typing import NDArray

from cyclegan.data.doctor.findings import Channel, Colours
from cyclegan.pictures.images import Pixels

RANGES = ((0.0, 100.0), (-128.0, 128.0), (-128.0, 128.0))  # of CIELAB
BINS = 512
Values = NDArray[np.float32]


def compare_colours(a: Pixels, b: Pixels) -> Colours:
    """Compare pictures (n, H, W, 3) of look a and (m, H, W, 3) of look b in CIELAB."""
    lab_a, lab_b = to_lab(a), to_lab(b)
    brightness, red, yellow = (
        _compare(lab_a[..., channel], lab_b[..., channel], span) for channel, span in zip(range(3), RANGES, strict=True)
    )
    difference = np.linalg.norm([channel.a - channel.b for channel in (brightness, red, yellow)])
    return Colours(brightness, red, yellow, round(float(difference), 2))


def to_lab(pictures: Pixels) -> Values:
    """SRGB levels (n, H, W, 3) as CIELAB."""
    flat = pictures.reshape(1, -1, 3).astype(np.float32) / 255
    return np.asarray(cv2.cvtColor(flat, cv2.COLOR_RGB2LAB), np.float32).reshape(pictures.shape)


def _compare(a: Values, b: Values, span: tuple[float, float]) -> Channel:
    means_a, means_b = a.mean(axis=(1, 2)), b.mean(axis=(1, 2))
    apart = np.abs(_shares(a, span) - _shares(b, span)).sum() * (span[1] - span[0]) / BINS
    return Channel(*(round(float(x), 3) for x in (means_a.mean(), means_b.mean(), apart, _guess(means_a, means_b))))


def _shares(values: Values, span: tuple[float, float]) -> NDArray[np.float64]:
    """The part of the values up to the end of each bin."""
    return np.histogram(values, BINS, span)[0].cumsum() / values.size


def _guess(a: Values, b: Values) -> float:
    """Part that the best threshold puts on the right side, where both looks are equally frequent."""
    thresholds = np.concatenate([a, b])
    below_a, below_b = (np.searchsorted(np.sort(x), thresholds, "right") / len(x) for x in (a, b))
    return 0.5 + 0.5 * float(np.abs(below_a - below_b).max())
