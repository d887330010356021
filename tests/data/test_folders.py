"""Which files are a domain's pictures."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from cyclegan.console.errors import UsageError
from cyclegan.data.domain import Domain
from cyclegan.data.folders import find_sides, look_names
from cyclegan.pictures.finding import find_images
from tests.conftest import save_picture

DOMAIN = Domain("test", [], [])


def test_pictures_are_found_in_any_depth_and_nothing_else(tmp_path: Path) -> None:
    wanted = ["a.JPG", "b.jpeg", "deep/er/c.png", "d.webp", "e.bmp", "f.tif", "g.TIFF"]
    clutter = [".hidden.jpg", ".thumbs/x.png", "Thumbs.db", "notes.txt", "__MACOSX/a.jpg", "raw.nef"]
    for name in wanted + clutter:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [path.relative_to(tmp_path).as_posix() for path in find_images(tmp_path)] == sorted(wanted)


def test_tests_may_be_missing(domain_root: Path) -> None:
    for split in ("testA", "testB"):
        for file in (domain_root / split).iterdir():
            file.unlink()
        (domain_root / split).rmdir()
    sides = find_sides(replace(DOMAIN, root=str(domain_root)))
    assert (len(sides.train_a), len(sides.train_b), sides.test_a, sides.test_b) == (5, 4, [], [])


def test_a_stable_part_of_two_folders_is_held_out(tmp_path: Path) -> None:
    for i in range(40):
        save_picture(tmp_path / "summer" / f"{i}.png", size=(2, 2))
        save_picture(tmp_path / "winter" / "sub" / f"{i}.png", size=(2, 2))
    domain = replace(DOMAIN, a_dir=str(tmp_path / "summer"), b_dir=str(tmp_path / "winter"))
    sides = find_sides(domain)
    assert (len(sides.train_a), len(sides.test_a), len(sides.train_b), len(sides.test_b)) == (36, 4, 36, 4)
    assert not set(sides.train_a) & set(sides.test_a)
    for i in range(40, 60):
        save_picture(tmp_path / "summer" / f"{i}.png", size=(2, 2))
    after = find_sides(domain)
    assert len(set(sides.test_a) & set(after.test_a)) >= 3  # new pictures hardly move old ones
    assert find_sides(domain) == after


def test_names_of_held_out_files_need_not_be_utf8(tmp_path: Path) -> None:
    for i in range(4):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/look/latin\xe9%d.png" % i))
        save_picture(path, size=(2, 2))
    sides = find_sides(replace(DOMAIN, a_dir=str(tmp_path / "look"), b_dir=str(tmp_path / "look")))
    assert (len(sides.train_a), len(sides.test_a)) == (3, 1)


def test_names_come_from_options_else_folders(tmp_path: Path) -> None:
    domain = replace(DOMAIN, a_dir=str(tmp_path / "summer"), b_dir=str(tmp_path / "winter"))
    assert look_names(domain) == ("summer", "winter")
    assert look_names(replace(domain, b="snow")) == ("summer", "snow")
    assert look_names(replace(DOMAIN, root=str(tmp_path))) == ("a", "b")
    with pytest.raises(UsageError, match="different names"):
        look_names(replace(domain, b_dir=str(tmp_path / "other" / "summer")))


def test_files_can_be_chosen_by_pattern(domain_root: Path) -> None:
    sides = find_sides(replace(DOMAIN, root=str(domain_root), files_a="[01]*"))
    assert [file.name for file in sides.train_a] == ["0.png", "1.png"]
    with pytest.raises(UsageError, match="named x"):
        find_sides(replace(DOMAIN, root=str(domain_root), files_a="x*"))


@pytest.mark.parametrize("given", [{}, {"root": "r", "a_dir": "x"}, {"a_dir": "x"}])
def test_exactly_one_way_of_naming_folders_is_allowed(given: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="either"):
        find_sides(replace(DOMAIN, **given))  # type: ignore[arg-type]
