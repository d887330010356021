"""Copies among pictures: files with the same bytes, and files that hold the same photograph in other bytes.

A near copy is the photograph saved again: another format, compression, size or comment. Cropped, mirrored and
retouched versions are not found, nor are other photographs of the same thing.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cyclegan.data.fingerprint import Fingerprint
from cyclegan.pictures.images import Pixels

Labels = NDArray[np.int64]

# A near copy, in miniatures of 16x16 pixels. Measured on photographs and label maps of 100 to 256 px: everything saved
# as JPEG of quality 50 stays within this, and what is halved in size and saved as JPEG 80 in 97 of 100 photographs and
# 89 of 100 label maps; tiles of one place a month apart differ by 5.1 levels of brightness or more.
BITS = 8  # of 64, of the perceptual hash
LEVELS = 4.5  # of 255, of brightness, in every pixel
CONTRASTS = 0.5  # and at most this times the standard deviation of brightness: flat pictures are all alike
COLOUR = 20  # levels of 255, of red, green and blue, in every pixel: compression blurs colour more
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def exact_copies(fingerprints: Sequence[Fingerprint]) -> Labels:
    """A label for each picture; those with equal labels are copies, byte by byte."""
    return np.unique([each.digest for each in fingerprints], return_inverse=True)[1]


def near_copies(fingerprints: Sequence[Fingerprint]) -> Labels:
    """A label for each picture; those with equal labels are exact or near copies, or are linked by such."""
    if not fingerprints:
        return np.empty(0, np.int64)
    hashes = np.array([each.phash for each in fingerprints], np.uint64)
    rows = np.hstack([hashes.view(np.uint8).reshape(-1, 8), [each.pixels.ravel() for each in fingerprints]])
    _, first, row = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    alike = _Likeness(np.stack([fingerprints[i].pixels for i in first]))
    links, labels, due = np.empty((2, 0), np.int64), np.arange(len(first)), 1
    for count, (i, j) in enumerate(close_pairs(hashes[first], BITS), start=1):
        fresh = labels[i] != labels[j]
        links = np.hstack([links, alike.among(i[fresh], j[fresh])])
        if count == due:  # what is linked by now, as of a hundred takes of one thing, need not be compared
            labels, due = _linked(links, len(first)), 2 * due
    return _linked(links, len(first))[row]


def leaking(train: Sequence[Fingerprint], test: Sequence[Fingerprint]) -> list[bool]:
    """Of each test picture, whether it is an exact or near copy of a training picture."""
    labels = near_copies([*train, *test])
    return np.isin(labels[len(train) :], labels[: len(train)]).tolist()


def close_pairs(hashes: NDArray[np.uint64], bits: int) -> Iterator[tuple[Labels, Labels]]:
    """Pairs of hashes that differ in at most `bits` of 64 bits, each once, as two arrays of indices at a time.

    Of hashes cut into bits + 1 bands, two such agree in a whole band (pigeonhole): only those that do are compared.
    """
    bands = np.array_split(np.arange(64, dtype=np.uint64), bits + 1)
    masks = [np.bitwise_or.reduce(np.uint64(1) << band) for band in bands]
    for number, mask in enumerate(masks):
        order = np.argsort(hashes & mask)
        ordered, left, step = hashes[order], np.arange(len(hashes) - 1), 1
        while len(left):  # each of a run that agrees with the next one, then with the next but one, ...
            difference = ordered[left] ^ ordered[left + step]
            agree = difference & mask == 0
            left, difference = left[agree], difference[agree]
            close = np.bitwise_count(difference) <= bits
            for earlier in masks[:number]:
                close &= difference & earlier != 0  # or that band has given the pair
            if close.any():
                yield order[left[close]], order[left[close] + step]
            step += 1
            left = left[left + step < len(hashes)]


class _Likeness:
    """Which pairs of pictures are near copies.

    Args:
        pictures: miniatures (n, 16, 16, 3).
    """

    def __init__(self, pictures: Pixels) -> None:
        self.pictures = pictures
        self.brightness = pictures @ LUMA
        self.some = np.ascontiguousarray(self.brightness[:, ::4, ::4])
        self.allowed = np.minimum(LEVELS, CONTRASTS * self.brightness.std(axis=(1, 2)))

    def among(self, i: Labels, j: Labels) -> Labels:
        """Those of the pairs (i, j) that are, (2, pairs)."""
        for pixels in (self.some, self.brightness):  # a few pixels tell most pairs apart
            apart = np.abs(pixels[i] - pixels[j]).max(axis=(1, 2))
            alike = apart <= np.minimum(self.allowed[i], self.allowed[j])
            i, j = i[alike], j[alike]
        alike = np.abs(self.pictures[i].astype(np.int16) - self.pictures[j]).max(axis=(1, 2, 3)) <= COLOUR
        return np.stack([i[alike], j[alike]])


def _linked(links: Labels, count: int) -> Labels:
    """Labels of `count` things, equal for those that links (2, n) join directly or by others."""
    graph = coo_array((np.ones(links.shape[1]), (links[0], links[1])), shape=(count, count))
    labels: Labels = connected_components(graph, directed=False)[1]
    return labels
