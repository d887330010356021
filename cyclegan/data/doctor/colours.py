"""The difference between two sets of pictures in colour and brightness."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp, wasserstein_distance

from cyclegan.data.doctor.findings import Channel, Colours
from cyclegan.pictures.images import Pixels

Values = NDArray[np.float32]


def compare_colours(a: Pixels, b: Pixels) -> Colours:
    """Compare pictures (n, H, W, 3) of look a and (m, H, W, 3) of look b in CIELAB."""
    lab_a, lab_b = to_lab(a), to_lab(b)
    brightness, red, yellow = (_compare(lab_a[..., channel], lab_b[..., channel]) for channel in range(3))
    difference = np.linalg.norm([channel.a - channel.b for channel in (brightness, red, yellow)])
    return Colours(brightness, red, yellow, round(float(difference), 2))


def to_lab(pictures: Pixels) -> Values:
    """Levels of sRGB (n, H, W, 3) as CIELAB."""
    flat = pictures.reshape(1, -1, 3).astype(np.float32) / 255
    return np.asarray(cv2.cvtColor(flat, cv2.COLOR_RGB2LAB), np.float32).reshape(pictures.shape)


def _compare(a: Values, b: Values) -> Channel:
    means_a, means_b = a.mean(axis=(1, 2)), b.mean(axis=(1, 2))
    apart = wasserstein_distance(a.ravel(), b.ravel())
    guess = 0.5 + 0.5 * ks_2samp(means_a, means_b, method="asymp").statistic  # by the best threshold
    return Channel(*(round(float(x), 3) for x in (means_a.mean(), means_b.mean(), apart, guess)))
