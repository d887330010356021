"""Which of a domain's pictures training and callbacks get."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from cyclegan.console.errors import UsageError
from cyclegan.data.domain import Domain
from cyclegan.data.module import UnpairedData, spread
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


def test_leaks_are_left_out_of_the_tests_if_asked_for(leaking: Domain) -> None:
    sides = UnpairedData(leaking).sides
    assert names(sides.test_a) == names(sides.test_b) == ["0.png", "1.png", "2.png"]
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
    shutil.rmtree(domain_root / "testA")  # missing tests are no error
    for i in range(3):
        shutil.copy(domain_root / "testB" / f"{i}.png", domain_root / "trainB" / f"leak{i}.png")
    with pytest.raises(UsageError, match="All 3 test pictures of b are copies"):
        UnpairedData(replace(DOMAIN, root=str(domain_root), exclude_leaks=True)).open_all()


def test_broken_pictures_are_refused_or_left_out(domain_root: Path) -> None:
    (domain_root / "testA" / "bad.png").write_bytes(b"no picture")
    domain = replace(DOMAIN, root=str(domain_root))
    with pytest.raises(UsageError, match="1 of 16 pictures cannot be read"):
        UnpairedData(domain).open_all()
    assert len(UnpairedData(replace(domain, skip_broken=True, exclude_leaks=True)).sides.test_a) == 3


def test_a_resumed_run_keeps_its_pictures(domain_root: Path, tmp_path: Path) -> None:
    domain = replace(DOMAIN, root=str(domain_root))
    state = UnpairedData(domain).state_dict()
    moved = domain_root.rename(tmp_path / "moved")
    (moved / "trainA" / "1.png").unlink()
    (moved / "testB" / "2.png").write_bytes(b"no picture")
    data = UnpairedData(replace(domain, root=str(moved)))
    data.resume_with(state)
    assert data.lost == {moved / "trainA" / "1.png": "No such file or directory"}
    assert names(data.sides.train_a) == ["0.png", "1.png", "2.png", "3.png", "4.png"]  # so that samples stay the same
    assert names(data.sides.test_b) == ["0.png", "1.png"]
    later = data.state_dict()
    assert later["found"] == state["found"]
    save_picture(moved / "trainA" / "1.png")
    data = UnpairedData(replace(domain, root=str(moved)))
    data.resume_with(later)
    assert data.lost == {}


def test_a_resumed_run_refuses_other_pictures(domain_root: Path) -> None:
    domain = replace(DOMAIN, root=str(domain_root))
    state = UnpairedData(domain).state_dict()
    new = save_picture(domain_root / "trainA" / "new.png")
    with pytest.raises(UsageError, match=r"1 pictures have come since the run began, such as .*new\.png"):
        UnpairedData(domain).resume_with(state)
    new.unlink()
    for i in range(4):
        (domain_root / "trainA" / f"{i}.png").write_bytes(b"no picture")
    with pytest.raises(UsageError, match="4 of 9 training pictures are lost, more than the 3"):
        UnpairedData(domain).resume_with(state)


def test_test_pictures_are_spread_evenly(domain_root: Path) -> None:
    data = UnpairedData(replace(DOMAIN, root=str(domain_root)))
    assert spread([*range(10)], 4) == [0, 2, 5, 7]
    assert [names(files) for files in data.tests(2)[:2]] == [["0.png", "1.png"]] * 2
    a, b = data.fixed_pictures(2)
    shutil.rmtree(domain_root)
    assert data.fixed_pictures(2) == (a, b)  # read once
