"""Copies are found in whatever format they are saved; other photographs of the same thing are no copies."""

from base64 import b64encode
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cyclegan.console.places import datasets
from cyclegan.data.duplicates import LUMA, leaking, near_copies
from cyclegan.data.fingerprint import Fingerprint, fingerprint
from cyclegan.pictures.images import read

SEASONS = sorted(Path(datasets("seasons")).glob("t*/*.jpg"))
SOME = SEASONS[::60]


def saved(image: Image.Image, **options: object) -> Image.Image:
    buffer = BytesIO()
    image.save(buffer, **options)  # type: ignore[arg-type]
    return Image.open(buffer).convert("RGB")


AGAIN: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG 50": lambda image: saved(image, format="JPEG", quality=50),
    "WebP 80": lambda image: saved(image, format="WEBP", quality=80),
    "smaller": lambda image: image.resize((90, 90), Image.Resampling.BICUBIC),
    "larger": lambda image: saved(image.resize((286, 286), Image.Resampling.LANCZOS), format="JPEG", quality=85),
    "squashed": lambda image: image.resize((128, 96), Image.Resampling.BILINEAR),
}
CHANGED: dict[str, Callable[[Image.Image], Image.Image]] = {
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "shifted": lambda image: image.crop((8, 8, 128, 128)),
    "brighter": lambda image: image.point(lambda level: min(255, level + 25)),
}


def changed(files: list[Path], change: Callable[[Image.Image], Image.Image], folder: Path) -> list[Fingerprint]:
    result = []
    for i, file in enumerate(files):
        change(Image.open(file).convert("RGB")).save(path := folder / f"{i}.png")
        result.append(fingerprint(path, read(path, 3)))
    return result


@pytest.fixture(scope="module")
def seasons() -> dict[Path, Fingerprint]:
    return {file: fingerprint(file, read(file, 3)) for file in SEASONS}


@pytest.mark.parametrize("change", AGAIN.values(), ids=AGAIN.keys())
def test_a_photograph_saved_again_is_a_near_copy(
    change: Callable[[Image.Image], Image.Image], seasons: dict[Path, Fingerprint], tmp_path: Path
) -> None:
    originals = [seasons[file] for file in SOME]
    both = [*originals, *changed(SOME, change, tmp_path)]
    near = near_copies(both)
    assert (near[: len(SOME)] == near[len(SOME) :]).all()
    assert len(set(near)) == len(SOME)


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED.keys())
def test_a_changed_photograph_is_no_copy(
    change: Callable[[Image.Image], Image.Image], seasons: dict[Path, Fingerprint], tmp_path: Path
) -> None:
    near = near_copies([*(seasons[file] for file in SOME), *changed(SOME, change, tmp_path)])
    assert not set(near[: len(SOME)]) & set(near[len(SOME) :])


def test_other_months_of_the_same_place_are_no_copies(seasons: dict[Path, Fingerprint]) -> None:
    places = [file.name.rpartition("_m")[0] for file in SEASONS]
    assert len(set(places)) < len(places)
    assert len(set(near_copies(list(seasons.values())))) == len(SEASONS)


def test_copies_have_equal_labels(seasons: dict[Path, Fingerprint]) -> None:
    a, b = (seasons[file] for file in SOME[:2])
    assert near_copies([]).tolist() == []
    assert near_copies([a, b, a, b, a]).tolist() in ([0, 1, 0, 1, 0], [1, 0, 1, 0, 1])


def test_tests_leak_from_either_side_of_training(seasons: dict[Path, Fingerprint], tmp_path: Path) -> None:
    a, b, c = (seasons[file] for file in SOME[:3])
    again = changed(SOME[:1], AGAIN["JPEG 50"], tmp_path)
    assert leaking([a, b], [c, b, *again]) == [False, True, True]
    assert leaking([a], []) == []


def test_flat_pictures_are_not_taken_for_copies(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    fogs = []
    for i in range(6):
        waves = random.normal(0, 2, (5, 5))
        fog = Image.fromarray((200 + waves).round().astype(np.uint8)).resize((90, 90), Image.Resampling.BICUBIC)
        fog.save(path := tmp_path / f"{i}.png")
        fogs.append(fingerprint(path, read(path, 3)))
    assert len(set(near_copies(fogs))) == 6


def made_up(phash: int, pixels: np.ndarray) -> Fingerprint:
    tiny = b64encode(pixels.astype(np.uint8).tobytes()).decode()
    return Fingerprint("", "PNG", "RGB", width=16, height=16, phash=phash, tiny=tiny)


def test_copies_of_copies_make_one_group() -> None:
    waves = np.random.default_rng(0).normal(100, 50, (16, 16, 3)).clip(0, 240)
    first, far, between = made_up(7, waves), made_up(7 ^ 1 << 9, waves + 6), made_up(7, waves + 3)
    other = made_up(7, waves + 60)
    near = near_copies([first, far, between, other])
    assert near[0] == near[1] == near[2] != near[3]
    assert len(set(near_copies([first, far, other]))) == 3


@pytest.mark.parametrize(("bits", "groups"), [(8, 1), (9, 2)])
def test_copies_differ_in_few_bits_of_their_hashes(bits: int, groups: int) -> None:
    waves = np.random.default_rng(0).normal(100, 50, (16, 16, 3)).clip(0, 240)
    flips = sum(1 << 7 * bit for bit in range(bits))
    assert len(set(near_copies([made_up(2**63 + 5, waves), made_up((2**63 + 5) ^ flips, waves)]))) == groups


def test_colours_tell_pictures_of_equal_brightness_apart() -> None:
    waves = np.random.default_rng(0).normal(120, 40, (16, 16, 3)).clip(60, 190)
    tint = np.array([50, -20.5, -27])
    assert abs(tint @ LUMA) < 1
    assert len(set(near_copies([made_up(5, waves), made_up(5, waves + tint)]))) == 2


def test_one_thing_photographed_many_times_makes_different_pictures() -> None:
    random = np.random.default_rng(0)
    scene = random.normal(120, 40, (16, 16, 3)).clip(30, 220)
    copies = [made_up(5, scene + random.normal(0, 0.7, scene.shape)) for _ in range(300)]
    others = [made_up(5, scene + random.normal(0, 7, scene.shape).round()) for _ in range(300)]
    assert len(set(near_copies([*copies, *others]))) == 301
