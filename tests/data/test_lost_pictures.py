"""Pictures that cannot be read are replaced by others, always the same ones."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cyclegan.console.errors import UsageError
from cyclegan.data.lost_pictures import MOST_LISTED, listed, most_lost, read_or_replace
from cyclegan.pictures.images import BrokenImageError, Pixels

FILES = [Path(f"/photos/{i}.png") for i in range(9)]


def reader(*, lost: set[int]) -> Callable[[Path], Pixels]:
    """Reads a picture's number."""

    def read(path: Path) -> Pixels:
        if FILES.index(path) in lost:
            raise BrokenImageError(f"{path}: truncated")
        return np.full((1, 1, 3), FILES.index(path), np.uint8)

    return read


def chosen(seed: int, lost: set[int]) -> tuple[int, dict[Path, str]]:
    noted: dict[Path, str] = {}
    return int(read_or_replace(FILES, 4, seed, reader(lost=lost), noted)[0, 0, 0]), noted


def test_a_picture_that_can_be_read_is_not_replaced() -> None:
    assert chosen(0, lost=set()) == (4, {})


def test_the_seed_chooses_a_replacement() -> None:
    assert chosen(0, lost={4}) == chosen(0, lost={4})
    replacements = {chosen(seed, lost={4, 5})[0] for seed in range(99)}
    assert replacements == {0, 1, 2, 3, 6, 7, 8}
    assert chosen(0, lost={4})[1] == {FILES[4]: "truncated"}


def test_without_any_picture_there_is_an_error() -> None:
    with pytest.raises(
        UsageError, match=r"None of 9 training pictures can be read any more: /photos/4\.png: truncated;"
    ):
        chosen(0, lost=set(range(9)))


def test_a_run_can_lose_a_few_pictures_or_a_hundredth() -> None:
    assert [most_lost(count) for count in (5, 399, 1000)] == [3, 3, 10]


def test_of_many_pictures_only_some_are_listed() -> None:
    line = listed({Path(f"{i}.png"): "broken" for i in range(MOST_LISTED + 5)})
    assert line.startswith("0.png: broken; 1.png: broken;")
    assert line.endswith("9.png: broken; and 5 more")
