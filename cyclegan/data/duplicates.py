"""Copies among pictures: files that hold the same photograph, in the same bytes or saved again.

A near copy is a photograph that was saved again in another format, compression or size. Cropped, mirrored and retouched
versions are not found, nor are other photographs of the same thing.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cyclegan.data.fingerprint import TINY, Fingerprint

# Limits for near copies, in thumbnails of 16x16 pixels. Measured on photographs and label maps of 100 to 256 px: all
# pictures saved as JPEG of quality 50 stay within the limits. Of pictures that are halved in size and saved as JPEG of
# quality 80, 97 of 100 photographs and 89 of 100 label maps do. Pictures of one place a month apart differ by at least
# 5.1 levels of brightness.
BITS = 8  # of 64, of the perceptual hash
LEVELS = 4.5  # of 255, of brightness, in every pixel
CONTRASTS = 0.5  # times the standard deviation of brightness, in every pixel: flat pictures all look alike
COLOUR = 20  # of 255, of red, green and blue, in every pixel: compression changes colours more than brightness
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def near_copies(fingerprints: Sequence[Fingerprint]) -> NDArray[np.int64]:
    """A label for each picture, the same for exact and near copies, and for copies of copies."""
    labels = np.arange(len(fingerprints))
    hashes = np.array([each.phash for each in fingerprints], np.uint64)
    thumbnails = np.array([each.pixels for each in fingerprints], np.int16).reshape(-1, TINY, TINY, 3)
    brightness = thumbnails @ LUMA
    few = brightness[:, 4::8, 4::8].copy()  # four pixels tell most pictures apart
    limits = np.minimum(LEVELS, CONTRASTS * brightness.std(axis=(1, 2)))
    for i in range(len(fingerprints) - 1):
        close = np.bitwise_count(hashes[i + 1 :] ^ hashes[i]) <= BITS
        others = i + 1 + np.flatnonzero(close & (labels[i + 1 :] != labels[i]))
        others = others[np.abs(few[others] - few[i]).max(axis=(1, 2)) <= LEVELS]
        if not len(others):
            continue
        difference = np.abs(brightness[others] - brightness[i]).max(axis=(1, 2))
        tint = np.abs(thumbnails[others] - thumbnails[i]).max(axis=(1, 2, 3))
        copies = others[(difference <= np.minimum(limits[others], limits[i])) & (tint <= COLOUR)]
        labels[np.isin(labels, labels[copies])] = labels[i]
    return labels


def leaking(train: Sequence[Fingerprint], test: Sequence[Fingerprint]) -> list[bool]:
    """Whether each test picture is an exact or near copy of a training picture."""
    labels = near_copies([*train, *test])
    return np.isin(labels[len(train) :], labels[: len(train)]).tolist()
