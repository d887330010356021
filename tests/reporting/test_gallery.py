"""Pictures through time, within bounds."""

from base64 import b64decode
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cyclegan.pictures.grids import Row, labelled_grid, save_grid
from cyclegan.reporting import gallery as module
from cyclegan.reporting.gallery import MOST_PICTURES, MOST_TIMES, gallery
from cyclegan.runs.folder import Run
from tests.reporting.runs import KINDS, save_sample

LOOKS = ("summer", "winter")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path)
    run.make()
    return run


def shown(address: str) -> Image.Image:
    kind, data = address.split(",")
    assert kind == "data:image/webp;base64"
    return Image.open(BytesIO(b64decode(data)))


def level(address: str) -> float:
    return float(np.asarray(shown(address)).mean())


def test_every_picture_is_where_it_belongs(run: Run) -> None:
    for step in (100, 200):
        save_sample(run, step)
    found = gallery(run, LOOKS)
    assert [(way.source, way.target) for way in found.directions] == [LOOKS, LOOKS[::-1]]
    levels = [level(each[0].address) for way in found.directions for each in way[2:]]
    assert levels == pytest.approx([0, 50, 80, 90, 140, 170], abs=2)
    assert [moment.step for moment in found.moments] == [100, 200]
    earlier = [level(address) for address in found.moments[0].addresses[::2]]
    assert earlier == pytest.approx([40, 70, 130, 160], abs=2)
    assert found.moments[-1].addresses == []


def test_a_run_without_grids_has_no_gallery(run: Run) -> None:
    assert gallery(run, LOOKS).directions == []
    Image.new("RGB", (9, 9)).save(run.samples / "step_00000100.png")  # by somebody else
    (run.samples / "notes.png").write_text("no picture")
    assert gallery(run, LOOKS).moments == []


@pytest.mark.parametrize("count", [1, 2, MOST_TIMES, MOST_TIMES + 1, 5 * MOST_TIMES])
def test_few_times_of_many_are_shown_the_first_and_the_newest_among_them(
    run: Run, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_addresses", lambda file, changed: ["x"])
    for step in range(1, count + 1):
        save_sample(run, step, count=1)
    steps = [moment.step for moment in gallery(run, LOOKS).moments]
    assert steps[0] == 1
    assert steps[-1] == count
    assert steps == sorted(set(steps))
    assert min(count, MOST_TIMES // 2) <= len(steps) <= MOST_TIMES + 1


def test_the_page_stays_small_whatever_the_pictures(run: Run) -> None:
    noise = np.random.default_rng(0)
    rows = [Row(kind, kind, [noise.integers(0, 256, (150, 200, 3), np.uint8) for _ in range(14)]) for kind in KINDS]
    grid = labelled_grid(rows)
    for step in range(1, 4):
        save_grid(grid, run.samples / f"step_{step:08d}.png")
    found, bounded = gallery(run, LOOKS), gallery(run, LOOKS, budget=2_500_000)
    newest = [picture.address for way in found.directions for row in way[2:] for picture in row]
    assert len(newest) == 6 * MOST_PICTURES
    assert sum(map(len, newest)) <= module.NEWEST_BUDGET
    for budget, each, steps in ((module.BUDGET, found, [1, 2, 3]), (2_500_000, bounded, [1, 3])):
        assert sum(len(address) for moment in each.moments for address in moment.addresses) <= budget
        assert [moment.step for moment in each.moments] == steps


def test_pictures_keep_their_shape_and_small_ones_their_pixels(run: Run) -> None:
    for size in ((100, 300), (20, 40)):
        picture = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
        save_grid(labelled_grid([Row(kind, kind, [picture]) for kind in KINDS]), run.samples / "step_00000001.png")
        real = gallery(run, LOOKS).directions[0].reals[0]
        assert (real.height, real.width) == shown(real.address).size[::-1] == size


def test_a_grid_that_was_encoded_is_not_encoded_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in (1, 2):
        save_sample(run, step)
    first = gallery(run, LOOKS)
    save_sample(run, 3)
    encoded: list[int] = []
    encode = module._picture

    def note(image: Image.Image, size: int) -> module.Picture:
        encoded.append(size)
        return encode(image, size)

    monkeypatch.setattr(module, "_picture", note)
    assert gallery(run, LOOKS).moments[0] == first.moments[0]
    assert encoded.count(module.EARLIER) == 8  # of step 2 alone, which was the newest
