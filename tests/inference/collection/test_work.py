"""A collection is translated whole, once, in bounded memory, whatever its files are."""

import csv
import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cyclegan.inference.collection import Options, Summary, translate_collection, work
from cyclegan.inference.passes import Memory
from cyclegan.inference.saved import Facts
from cyclegan.pictures import encoding
from cyclegan.pictures.finding import find_images
from cyclegan.translator import Translator
from tests.conftest import save_picture

FACTS = Facts("ResnetGenerator", {"width": 4, "blocks": 1}, "summer", "winter", 64)


def make_translator(**options: Any) -> Translator:
    torch.manual_seed(0)
    return Translator(FACTS.build(), FACTS, **options)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(7):
        save_picture(tmp_path / "photos" / f"{number}.png", (32, 24) if number % 3 else (20, 40), seed=number)
    return tmp_path / "photos"


def run(translator: Translator, photos: Path, target: Path, **options: Any) -> Summary:
    return translate_collection(translator, [str(photos)], target, Options(**options))


@pytest.mark.parametrize("options", [{"batch_size": 1}, {"batch_size": 3}, {"workers": 5}, {"workers": 1}], ids=str)
def test_the_pixels_do_not_depend_on_batches_and_workers(photos: Path, tmp_path: Path, options: dict[str, int]) -> None:
    translator = make_translator()
    assert run(translator, photos, tmp_path / "out", **options).translated == 7
    for file in find_images(photos):
        made = np.asarray(Image.open(tmp_path / "out" / file.name)).astype(int)
        assert np.abs(made - np.asarray(translator(file))).max() <= 1


def test_what_is_done_stays_done(photos: Path, tmp_path: Path) -> None:
    translator, out = make_translator(), tmp_path / "out"
    assert run(translator, photos, out).translated == 7
    before = {file: file.stat().st_mtime_ns for file in find_images(out)}
    again = run(translator, photos, out)
    assert (again.translated, again.done_before) == (0, 7)
    assert {file: file.stat().st_mtime_ns for file in find_images(out)} == before
    (out / "3.png").unlink()
    save_picture(photos / "4.png", (32, 24), seed=99)
    assert run(translator, photos, out).translated == 2
    assert run(translator, photos, out, overwrite=True).translated == 7


def test_another_model_target_or_option_does_it_again(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(make_translator(), photos, out)
    torch.manual_seed(1)
    others = [Translator(FACTS.build(), FACTS), make_translator(work_size=16), make_translator(precision="bf16")]
    for other in others:
        assert run(other, photos, out).translated == 7
    assert run(others[-1], photos, out, strip=True).translated == 7
    assert run(others[-1], photos, out, strip=True, workers=1, batch_size=2).done_before == 7


def test_files_that_were_not_made_here_are_not_replaced(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    mine = save_picture(out / "2.png", seed=5).read_bytes()
    summary = run(make_translator(), photos, out)
    assert summary.translated == 6
    assert "exists already" in summary.failures[0].reason
    assert (out / "2.png").read_bytes() == mine
    save_picture(out / "3.png", seed=6)  # changed since
    other = run(make_translator(work_size=16), photos, out)
    assert [failure.source.name for failure in other.failures] == ["2.png", "3.png"]
    assert run(make_translator(), photos, out, overwrite=True).failures == []


def test_a_ledger_that_was_cut_off_is_still_read(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(make_translator(), photos, out)
    ledger = next((out / ".cyclegan").glob("done-*.jsonl"))
    ledger.write_text(ledger.read_text()[:-20])
    assert run(make_translator(), photos, out).done_before == 6  # the last is there, but nobody knows by whom


def test_failures_are_listed_and_forgotten_when_mended(photos: Path, tmp_path: Path) -> None:
    (photos / 'odd, "name"\n.png').write_bytes(b"nothing")
    run(make_translator(), photos, tmp_path / "out")
    with (tmp_path / "out" / "failures.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert [Path(row["picture"]).name for row in rows] == ['odd, "name"\n.png']
    (photos / 'odd, "name"\n.png').unlink()
    run(make_translator(), photos, tmp_path / "out")
    assert not (tmp_path / "out" / "failures.csv").exists()


def test_a_full_disk_stops_cleanly(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encode = encoding.encode

    def fill(frames: Any, path: Path, *rest: Any) -> None:
        if rest[0].name == "3.png":
            path.write_bytes(b"part")
            raise OSError(errno.ENOSPC, "No space left on device")
        encode(frames, path, *rest)

    monkeypatch.setattr(work, "encode", fill)
    summary = run(make_translator(), photos, tmp_path / "out", workers=1, batch_size=1)
    assert summary.stopped is not None
    assert "No space left" in summary.stopped
    assert summary.translated < 7
    assert not list((tmp_path / "out").glob(".*partial"))
    for file in find_images(tmp_path / "out"):
        Image.open(file).load()
    monkeypatch.setattr(work, "encode", encode)
    assert run(make_translator(), photos, tmp_path / "out").done_before == summary.translated


def test_an_interruption_leaves_no_part_of_a_file(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    translator = make_translator()
    passes = translator.photos
    count = iter(range(9))

    def interrupted(*arguments: Any) -> Any:
        if next(count) == 3:
            raise KeyboardInterrupt
        return passes(*arguments)

    monkeypatch.setattr(translator, "photos", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(translator, photos, tmp_path / "out", batch_size=1)
    assert not list((tmp_path / "out").rglob("*.partial"))
    monkeypatch.undo()
    summary = run(translator, photos, tmp_path / "out")
    assert summary.done_before + summary.translated == 7
    assert summary.failures == []


def test_what_memory_cannot_hold_is_refused_by_its_header(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)  # as the command does
    bomb = photos / "bomb.png"
    Image.new("1", (30_000, 30_000)).save(bomb)
    summary = run(make_translator(memory=Memory(limit=200 * 2**20)), photos, tmp_path / "out")
    assert [failure.source for failure in summary.failures] == [bomb]
    assert "30000x30000 pixels must have 8,584 MiB of memory" in summary.failures[0].reason
    assert summary.translated == 7


def test_a_generator_that_cannot_be_streamed_names_the_memory(tmp_path: Path) -> None:
    facts = Facts("UnetGenerator", {"width": 8, "depth": 3}, "a", "b", 64)
    translator = Translator(facts.build(), facts, memory=Memory(limit=20 * 2**20))
    save_picture(tmp_path / "photos" / "large.png", (800, 600))
    save_picture(tmp_path / "photos" / "small.png", (40, 30))
    summary = run(translator, tmp_path / "photos", tmp_path / "out")
    assert summary.translated == 1
    assert "a UnetGenerator cannot be streamed" in summary.failures[0].reason


def test_large_pictures_are_streamed_with_the_same_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = save_picture(tmp_path / "photos" / "large.png", (401, 297))
    little = make_translator(memory=Memory(limit=10 * 2**20))
    streams: list[Any] = []
    stream = little.passes.stream

    def counted(*arguments: Any) -> None:
        streams.append(arguments)
        stream(*arguments)

    monkeypatch.setattr(little.passes, "stream", counted)
    assert run(little, tmp_path / "photos", tmp_path / "out").translated == 1
    assert len(streams) == 1
    made = np.asarray(Image.open(tmp_path / "out" / "large.png")).astype(int)
    assert np.abs(made - np.asarray(make_translator()(picture))).max() <= 1


def test_the_first_frame_is_taken_and_told(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (20, 16), (each, 0, 0)) for each in (10, 200)]
    (tmp_path / "photos").mkdir()
    frames[0].save(tmp_path / "photos" / "a.gif", save_all=True, append_images=frames[1:])
    summary = run(make_translator(), tmp_path / "photos", tmp_path / "out")
    assert [file.name for file in summary.first_frame_only] == ["a.gif"]
    assert getattr(Image.open(tmp_path / "out" / "a.gif"), "n_frames", 1) == 1
    run(make_translator(), tmp_path / "photos", tmp_path / "out", all_frames=True)
    assert Image.open(tmp_path / "out" / "a.gif").n_frames == 2  # type: ignore[attr-defined]


def test_a_ledger_line_names_the_file_and_its_recipe(photos: Path, tmp_path: Path) -> None:
    run(make_translator(), photos, tmp_path / "out")
    lines = (tmp_path / "out" / ".cyclegan" / "done-0.jsonl").read_text().splitlines()
    assert {json.loads(line)["target"] for line in lines} == {f"{number}.png" for number in range(7)}


def test_the_longest_names_are_written(tmp_path: Path) -> None:
    name = "x" * 250 + ".png"
    save_picture(tmp_path / "photos" / "y.png").rename(tmp_path / "photos" / name)
    assert run(make_translator(), tmp_path / "photos", tmp_path / "out").translated == 1
    assert (tmp_path / "out" / name).exists()
