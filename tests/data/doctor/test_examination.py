"""The doctor finds what is wrong with a domain's pictures: a test for each kind of finding."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cyclegan.console.errors import UsageError
from cyclegan.data import opening
from cyclegan.data.doctor.examination import examine
from cyclegan.data.doctor.findings import Findings
from cyclegan.data.domain import Domain
from cyclegan.data.module import UnpairedData
from tests.conftest import save_picture, shared_data

DOMAIN = Domain("test", [], [], a="summer", b="winter", load_size=36, crop_size=32)


def findings(root: Path, **options: object) -> Findings:
    return examine(UnpairedData(replace(DOMAIN, root=str(root), **options)))  # type: ignore[arg-type]


def scene(path: Path, seed: int = 0) -> Path:
    """A picture with shapes, as of a photograph, that may be saved again."""
    levels = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(levels).resize((120, 100), Image.Resampling.BICUBIC).save(path)
    return path


def test_a_sound_domain_is_counted(domain_root: Path) -> None:
    found = findings(domain_root)
    assert {name: (split.look, split.pictures) for name, split in found.splits.items()} == {
        "trainA": ("summer", 5),
        "trainB": ("winter", 4),
        "testA": ("summer", 3),
        "testB": ("winter", 3),
    }
    assert found.splits["trainA"].sizes == {"40x36": 5}
    assert (found.broken, found.others) == ({}, {})
    for copies in (found.exact, found.near):
        assert (copies.groups, copies.across, copies.leaks) == ([], 0, [])


def test_findings_are_plain_values(domain_root: Path) -> None:
    shutil.copy(domain_root / "trainA" / "0.png", domain_root / "testB" / "x.png")
    plain = asdict(findings(domain_root))
    assert json.loads(json.dumps(plain)) == plain


def test_sizes_and_formats_are_counted(domain_root: Path) -> None:
    for i, side in enumerate((20, 20, 200)):
        save_picture(domain_root / "trainA" / f"new{i}.jpg", size=(side, 2 * side), seed=100 + i)
    save_picture(domain_root / "trainA" / "gray.bmp", mode="L", seed=200)
    split = findings(domain_root).splits["trainA"]
    assert split.sizes == {"40x36": 6, "20x40": 2, "200x400": 1}
    assert split.short_side == [20, 20, 36, 36, 200]
    assert split.smaller == 2
    assert split.formats == {"PNG": 5, "JPEG": 3, "BMP": 1}
    assert split.modes == {"RGB": 8, "L": 1}
    assert (split.gray, split.flat) == (1, 0)


def test_gray_and_flat_pictures_are_counted_in_any_format(domain_root: Path) -> None:
    Image.open(save_picture(domain_root / "x.png", mode="L")).convert("RGB").save(domain_root / "testA" / "gray.jpg")
    Image.new("RGB", (50, 50), "orange").save(domain_root / "testA" / "even.jpg")
    split = findings(domain_root).splits["testA"]
    assert (split.gray, split.flat) == (1, 1)


def test_broken_files_are_found_and_are_no_error(domain_root: Path) -> None:
    whole = (domain_root / "trainA" / "0.png").read_bytes()
    (domain_root / "trainA" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (domain_root / "testB" / "deep").mkdir()
    (domain_root / "testB" / "deep" / "empty.jpg").touch()
    found = findings(domain_root)
    assert set(found.broken) == {"trainA/cut.png", "testB/deep/empty.jpg"}
    assert "truncated" in found.broken["trainA/cut.png"]
    assert (found.splits["trainA"].broken, found.splits["trainA"].pictures) == (1, 5)
    assert "domain.skip_broken=true" in found.suggestions[0]


def test_a_side_without_any_whole_picture_is_a_finding(domain_root: Path) -> None:
    for file in (domain_root / "trainB").iterdir():
        file.write_bytes(b"")
    found = findings(domain_root)
    assert found.splits["trainB"].pictures == 0
    assert found.colours is None
    assert len(found.broken) == 4


def test_no_pictures_at_all_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        findings(tmp_path)


def test_other_files_are_counted_by_kind(domain_root: Path) -> None:
    for name in ("a.heic", "b.HEIC", "c.txt", "noend", ".hidden", "__MACOSX/x.txt"):
        (domain_root / "trainA" / name).parent.mkdir(exist_ok=True)
        (domain_root / "trainA" / name).touch()
    found = findings(domain_root)
    assert found.others == {".heic": 2, ".txt": 1, "": 1}
    assert "2 .heic. " in found.suggestions[0]


def test_exact_copies_are_found_within_and_across_splits_and_sides(domain_root: Path) -> None:
    for source, copy in {
        "trainA/0.png": "trainA/sub/again.png",
        "trainA/1.png": "testA/leak.png",
        "trainB/1.png": "testA/from the other side.png",
        "testA/0.png": "testB/tests only.png",
        "trainA/2.png": "trainB/both.png",
    }.items():
        (domain_root / copy).parent.mkdir(exist_ok=True)
        shutil.copy(domain_root / source, domain_root / copy)
    found = findings(domain_root)
    assert {frozenset(group) for group in found.exact.groups} == {
        frozenset({"trainA/0.png", "trainA/sub/again.png"}),
        frozenset({"trainA/1.png", "testA/leak.png"}),
        frozenset({"trainB/1.png", "testA/from the other side.png"}),
        frozenset({"testA/0.png", "testB/tests only.png"}),
        frozenset({"trainA/2.png", "trainB/both.png"}),
    }
    assert found.exact.leaks == ["testA/from the other side.png", "testA/leak.png"]
    assert found.exact.across == 3
    assert found.near.groups == []


def test_near_copies_are_distinguished_from_exact_ones(domain_root: Path) -> None:
    original = Image.open(scene(domain_root / "trainA" / "scene.png"))
    shutil.copy(domain_root / "trainA" / "scene.png", domain_root / "testA" / "same.png")
    original.save(domain_root / "testA" / "again.jpg", quality=80)
    original.resize((60, 50), Image.Resampling.LANCZOS).save(domain_root / "trainB" / "small.png")
    found = findings(domain_root)
    assert found.exact.groups == [["trainA/scene.png", "testA/same.png"]]
    assert found.exact.leaks == ["testA/same.png"]
    assert found.near.groups == [["trainA/scene.png", "trainB/small.png", "testA/again.jpg", "testA/same.png"]]
    assert (found.near.leaks, found.near.across) == (["testA/again.jpg"], 1)


def test_two_folders_are_examined_like_splits(tmp_path: Path) -> None:
    for i in range(20):
        save_picture(tmp_path / "warm" / f"{i}.png", seed=i)
        save_picture(tmp_path / "cold" / "deep" / f"{i}.png", seed=50 + i)
    warm, cold = str(tmp_path / "warm"), str(tmp_path / "cold")
    found = examine(UnpairedData(replace(DOMAIN, a=None, b=None, a_dir=warm, b_dir=cold)))
    assert found.splits["trainA"].look == "warm"
    assert [split.pictures for split in found.splits.values()] == [18, 18, 2, 2]
    nested = examine(UnpairedData(replace(DOMAIN, a_dir=f"{cold}/deep", b_dir=cold)))
    assert len(nested.exact.groups) == nested.exact.across == 20  # the same files, seen from both sides


def test_a_second_examination_opens_nothing(domain_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = findings(domain_root)
    monkeypatch.setattr(opening, "read", lambda path, channels: pytest.fail(f"{path} opened again"))
    assert findings(domain_root) == first


def test_findings_do_not_depend_on_what_is_left_out(domain_root: Path) -> None:
    shutil.copy(domain_root / "trainA" / "1.png", domain_root / "testA" / "leak.png")
    usual, left_out = findings(domain_root), findings(domain_root, exclude_leaks=True)
    assert replace(left_out, suggestions=usual.suggestions) == usual


def test_the_known_copies_among_the_yosemite_photographs_are_found(tmp_path: Path) -> None:
    original = shared_data("summer2winter_yosemite")
    groups = [line.split("\t") for line in (original / "duplicate_groups.txt").read_text().splitlines()]
    resaved = {"trainB/2014-02-02_01_53_24.jpg", "trainB/2016-12-22_01_50_13.jpg"}  # the same pixels, other comments
    others = [file.relative_to(original).as_posix() for file in sorted(original.glob("t*/*.jpg"))[::20]]
    for name in {name for group in groups for name in group} | resaved | set(others):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(original / name)
    found = findings(tmp_path)
    assert {frozenset(group) for group in found.exact.groups} == {frozenset(group) for group in groups}
    assert found.exact.leaks == (original / "test_files_also_in_train.txt").read_text().split()
    assert (len(found.exact.leaks), len(found.exact.groups), found.exact.across) == (43, 180, 18)
    assert resaved in [set(group) for group in found.near.groups]
