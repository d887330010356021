"""Scores of translators that are known to be good or bad."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from cyclegan.data.domain import Domain
from cyclegan.data.module import UnpairedData
from cyclegan.data.transforms import Resize
from cyclegan.inference.saved import Facts
from cyclegan.scoring.judge import Judge
from cyclegan.scoring.pixels import flat_colour, mean_scores, pixel_scores
from cyclegan.scoring.table import CHANGE, CYCLE, FLAT, FLOOR, NOTHING, REALS, TRANSLATOR
from cyclegan.translator import Translator
from tests.scoring.test_tally import colours

PIXELS = {"mae", "psnr", "ssim"}
FEATURES = {"kid", "kid_error", "fid", "features"}


class Shift(nn.Module):
    """A generator that makes pictures lighter by some levels."""

    multiple, smallest = 4, 4

    def __init__(self, levels: float) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, pictures: Tensor) -> Tensor:
        return pictures + self.levels / 127.5


def translators(to_b: nn.Module, to_a: nn.Module) -> dict[str, Translator]:
    facts = {"b": ("summer", "winter"), "a": ("winter", "summer")}
    networks = {"b": to_b, "a": to_a}
    return {letter: Translator(networks[letter], Facts("Shift", {}, *facts[letter], 16)) for letter in "ba"}


def save_level(path: Path, level: int, seed: int) -> None:
    """A noisy picture around a level."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(-9, 10, (16, 16, 3))
    Image.fromarray((level + noise).astype(np.uint8)).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Look a around level 50; look b the same 40 levels lighter, aligned in the tests; training around the same."""
    for i in range(7):
        save_level(tmp_path / "testA" / f"{i}.png", 40 + 3 * i, seed=i)
        save_level(tmp_path / "testB" / f"{i}.png", 80 + 3 * i, seed=i)
    for i in range(9):
        save_level(tmp_path / "trainA" / f"{i}.png", 36 + 3 * i, seed=20 + i)
        save_level(tmp_path / "trainB" / f"{i}.png", 76 + 3 * i, seed=40 + i)
    return tmp_path


def data_of(root: Path, paired: bool = True, size: int = 16) -> UnpairedData:
    steps = [Resize(size)]
    return UnpairedData(
        Domain("small", steps, steps, a="summer", b="winter", root=str(root), paired_test=paired, crop_size=16)
    )


def judge_of(root: Path, paired: bool = True, batch_size: int = 3) -> Judge:
    data = data_of(root, paired)
    return Judge(data, data.tests(), colours, batch_size=batch_size)


def test_a_perfect_translator_is_perfect_and_doing_nothing_is_not(root: Path) -> None:
    table = judge_of(root).table(translators(Shift(40), Shift(-40)))
    assert list(table) == ["winter", "summer"]
    for rows in table.values():
        assert list(rows) == [TRANSLATOR, NOTHING, FLAT, FLOOR, REALS, CHANGE, CYCLE]
        assert rows[TRANSLATOR]["mae"] == 0
        assert rows[TRANSLATOR]["ssim"] == pytest.approx(1)
        assert rows[TRANSLATOR]["fid"] == pytest.approx(0, abs=1e-9)
        assert rows[NOTHING]["mae"] == rows[CHANGE]["mae"] == 40
        assert rows[CYCLE]["mae"] == 0
        assert rows[TRANSLATOR]["kid"] < rows[FLOOR]["kid"] + rows[FLOOR]["kid_error"] < rows[NOTHING]["kid"]
        assert rows[TRANSLATOR]["diversity"] == rows[REALS]["diversity"] == rows[NOTHING]["diversity"] > 0
        assert rows[FLAT]["diversity"] == 0
        assert rows[REALS].keys() == {"pictures", "diversity"}
        assert {name: row["pictures"] for name, row in rows.items() if "pictures" in row} == dict.fromkeys(
            (TRANSLATOR, NOTHING, FLAT, FLOOR, REALS), 7
        )


def test_one_flat_colour_is_the_training_pictures_median(root: Path) -> None:
    data = data_of(root)
    row = judge_of(root).table(translators(Shift(0), Shift(0)))["winter"][FLAT]
    colour = flat_colour(np.asarray(Image.open(file)) for file in data.sides.train_b)
    truths = [np.asarray(Image.open(file)) for file in data.sides.test_b]
    expected = mean_scores(pixel_scores(np.broadcast_to(colour, truth.shape), truth) for truth in truths)
    assert row["mae"] == pytest.approx(expected.mae)


def test_the_cycle_is_not_rounded_in_between(root: Path) -> None:
    row = judge_of(root).table(translators(Shift(0.4), Shift(0.4)))["winter"][CYCLE]
    assert row["mae"] == pytest.approx(1)  # 0.8 levels, rounded once


def test_tests_that_are_not_aligned_have_no_errors(root: Path) -> None:
    (root / "testB" / "6.png").unlink()
    rows = judge_of(root, paired=False).table(translators(Shift(40), Shift(-40)))["winter"]
    assert list(rows) == [TRANSLATOR, NOTHING, FLOOR, REALS, CHANGE, CYCLE]
    assert rows[TRANSLATOR].keys() == {"pictures", "diversity"} | FEATURES
    assert (rows[TRANSLATOR]["pictures"], rows[REALS]["pictures"]) == (7, 6)
    assert rows[CHANGE].keys() == PIXELS


def test_one_direction_has_no_cycle(root: Path) -> None:
    judge = judge_of(root)
    alone = {"a": translators(Shift(40), Shift(-40))["a"]}
    assert list(judge.table(alone)) == ["summer"]
    assert CYCLE not in judge.table(alone)["summer"]
    assert list(judge.table(translators(Shift(40), Shift(-40)), ["b"])) == ["winter"]


def test_batches_and_names_do_not_matter(root: Path) -> None:
    torch.manual_seed(0)
    facts = [Facts("ResnetGenerator", {"width": 4, "blocks": 1}, *looks, 16) for looks in (("a", "b"), ("b", "a"))]
    real = dict(zip("ba", (Translator(each.build(), each) for each in facts), strict=True))
    tables = [judge_of(root, batch_size=size).table(real) for size in (1, 3, 7)]
    for split in ("testA", "testB"):
        for i in range(7):  # another order of the same pictures
            (root / split / f"{i}.png").rename(root / split / f"other{(3 * i) % 7}.png")
    tables.append(judge_of(root, batch_size=2).table(real))
    for table in tables[1:]:
        for look, rows in tables[0].items():
            for name in rows:
                numbers, others = (
                    {k: v for k, v in row.items() if k != "features"} for row in (rows[name], table[look][name])
                )
                assert others == pytest.approx(numbers, rel=1e-6, abs=1e-9), name


def test_pictures_of_several_sizes_are_judged_together(root: Path) -> None:
    class Untouched(Resize):
        def apply(self, img: np.ndarray, **_: object) -> np.ndarray:
            return img

    for split in ("testA", "testB"):
        picture = Image.open(root / split / "3.png")
        picture.resize((20, 12)).save(root / split / "3.png")
    data = UnpairedData(Domain("s", [], [Untouched(1)], a="summer", b="winter", root=str(root), paired_test=True))
    row = Judge(data, data.tests(), colours, batch_size=4).table(translators(Shift(40), Shift(-40)))["winter"]
    assert row[TRANSLATOR]["pictures"] == 7
    assert row[TRANSLATOR]["mae"] < 1
    assert "diversity" not in row[TRANSLATOR]


def test_a_look_without_tests_is_scored_on_its_training_pictures_and_has_no_floor(root: Path) -> None:
    for split in ("testA", "testB"):
        for file in (root / split).iterdir():
            file.unlink()
    rows = judge_of(root).table(translators(Shift(40), Shift(-40)))["winter"]
    assert FLOOR not in rows
    assert rows[TRANSLATOR]["pictures"] == 9


def test_progress_adds_up_to_the_announced_work(root: Path) -> None:
    progress: list[int] = []
    data = data_of(root)
    judge = Judge(data, data.tests(), colours, batch_size=4, progress=progress.append)
    judge.table(translators(Shift(40), Shift(-40)))
    assert sum(progress) == judge.work(["b", "a"])


def test_a_picture_that_cannot_be_read_is_left_out_with_its_truth(root: Path) -> None:
    data = data_of(root)

    def read(file: Path) -> Tensor | None:
        return None if file.parent.name == "testB" and file.stem == "2" else data.test_pictures([file])[0]

    table = Judge(data, data.tests(), batch_size=4, read=read).table(translators(Shift(40), Shift(-40)))
    for rows in table.values():
        assert rows[TRANSLATOR]["pictures"] == 6
        assert rows[TRANSLATOR]["mae"] == 0
