"""A domain's pictures as training and its callbacks get them."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from cyclegan.console.errors import UsageError
from cyclegan.data.domain import Domain
from cyclegan.data.module import UnpairedData
from tests.conftest import save_picture

DOMAIN = Domain("test", [], [], load_size=36, crop_size=32)


def names(files: list[Path]) -> list[str]:
    return [file.name for file in files]


@pytest.fixture
def leaking(domain_root: Path) -> Domain:
    """One test picture of look a is also in training of look b, one of b in training of a."""
    shutil.copy(domain_root / "testA" / "0.png", domain_root / "trainB" / "leak.png")
    shutil.copy(domain_root / "trainA" / "3.png", domain_root / "testB" / "2.png")
    return replace(DOMAIN, root=str(domain_root))


def test_leaks_stay_unless_they_are_to_be_left_out(leaking: Domain) -> None:
    sides = UnpairedData(leaking).sides
    assert names(sides.test_a) == names(sides.test_b) == ["0.png", "1.png", "2.png"]


def test_leaks_are_left_out_of_the_tests_alone(leaking: Domain) -> None:
    sides = UnpairedData(replace(leaking, exclude_leaks=True)).sides
    assert (names(sides.test_a), names(sides.test_b)) == (["1.png", "2.png"], ["0.png", "1.png"])
    assert (len(sides.train_a), len(sides.train_b)) == (5, 5)


def test_a_leak_takes_its_partner_along(leaking: Domain) -> None:
    aligned = replace(leaking, exclude_leaks=True, paired_test=True)
    data = UnpairedData(aligned)
    assert names(data.sides.test_a) == names(data.sides.test_b) == ["1.png"]
    tests = data.tests()
    assert (names(tests.a), names(tests.b), tests.aligned) == (["1.png"], ["1.png"], True)


def test_near_copies_leak_too(domain_root: Path) -> None:
    save_picture(domain_root / "trainA" / "large.jpg", size=(200, 180), seed=5)
    with Image.open(domain_root / "trainA" / "large.jpg") as image:
        image.resize((100, 90)).save(domain_root / "testA" / "small.png")
    data = UnpairedData(replace(DOMAIN, root=str(domain_root), exclude_leaks=True))
    assert names(data.sides.test_a) == ["0.png", "1.png", "2.png"]


def test_tests_that_all_leak_are_refused(domain_root: Path) -> None:
    for i in range(3):
        shutil.copy(domain_root / "testB" / f"{i}.png", domain_root / "trainB" / f"leak{i}.png")
    with pytest.raises(UsageError, match="All 3 test pictures of b are copies"):
        UnpairedData(replace(DOMAIN, root=str(domain_root), exclude_leaks=True)).open_all()


def test_without_tests_there_is_nothing_to_leave_out(domain_root: Path) -> None:
    for split in ("testA", "testB"):
        shutil.rmtree(domain_root / split)
    assert UnpairedData(replace(DOMAIN, root=str(domain_root), exclude_leaks=True)).sides.test_a == []


def test_broken_pictures_are_refused_unless_they_are_to_be_left_out(domain_root: Path) -> None:
    (domain_root / "testA" / "bad.png").write_bytes(b"no picture")
    domain = replace(DOMAIN, root=str(domain_root))
    with pytest.raises(UsageError, match="1 of 16 pictures cannot be read"):
        UnpairedData(domain).open_all()
    assert len(UnpairedData(replace(domain, skip_broken=True, exclude_leaks=True)).sides.test_a) == 3
