"""The translate command against the world: hostile files, kills, interruptions, several processes."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from cyclegan.inference.saved import Facts
from cyclegan.pictures.decoding import decode
from cyclegan.pictures.encoding import FORMATS
from cyclegan.pictures.finding import find_images
from cyclegan.translator import Translator
from tests.commands import run_command
from tests.conftest import save_picture

PROJECT = Path(__file__).parent.parent


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    facts = Facts("ResnetGenerator", {"width": 4, "blocks": 1}, "summer", "winter", 64)
    Translator(facts.build(), facts).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def start(*arguments: object) -> "subprocess.Popen[str]":
    command = (sys.executable, "-m", "cyclegan.translate", *map(str, arguments))
    kept = {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "XDG_CACHE_HOME") if name in os.environ
    }
    environment = {**kept, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}  # nothing that trainings before have set
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=PROJECT, env=environment
    )


def wait_for_first(out: Path) -> None:
    deadline = time.monotonic() + 60
    while not (out.is_dir() and find_images(out)):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def many(photos: Path, count: int, size: tuple[int, int] = (64, 64)) -> Path:
    for number in range(count):
        save_picture(photos / f"{number:03}.png", size, seed=number)
    return photos


def assert_whole(out: Path, names: Sequence[str]) -> None:
    assert [file.name for file in find_images(out)] == sorted(names)
    for file in find_images(out):
        decode(file)
    assert not list(out.rglob("*.partial"))


def seeds(folder: Path) -> list[tuple[str, bytes]]:
    """A small file of every kind."""
    folder.mkdir()
    smooth = np.add.outer(np.arange(24), np.arange(20)).astype(np.float32) / 43
    rgb = np.stack([smooth, smooth * 0.5, 1 - smooth], axis=2)
    image = Image.fromarray((rgb * 255).astype(np.uint8))
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "maker", 6
    for name in ("jpg", "png", "webp", "tif", "bmp", "gif"):
        image.save(folder / f"rgb.{name}", exif=exif if name in ("jpg", "png", "webp") else b"")
    image.convert("CMYK").save(folder / "cmyk.jpg")
    image.convert("P").save(folder / "palette.png")
    image.convert("RGBA").save(folder / "alpha.png")
    image.save(folder / "moving.gif", save_all=True, append_images=[image.rotate(90), image.rotate(180)])
    image.save(folder / "moving.webp", save_all=True, append_images=[image.rotate(90)])
    tifffile.imwrite(folder / "deep.tif", (rgb * 65535).astype(np.uint16), photometric="rgb", compression="lzw")
    tifffile.imwrite(folder / "float.tif", rgb, photometric="rgb")
    Image.fromarray((smooth * 65535).astype(np.uint16)).save(folder / "deep.png")
    return [(file.name, file.read_bytes()) for file in sorted(folder.iterdir())]


def mutated(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    match chance.randrange(5):
        case 0:
            return bytes(changed[: chance.randrange(len(changed))])
        case 1:
            for _ in range(chance.randrange(1, 20)):
                changed[chance.randrange(len(changed))] = chance.randrange(256)
        case 2:
            place = chance.randrange(len(changed))
            changed[place : place + chance.randrange(64)] = chance.randbytes(chance.randrange(64))
        case 3:
            for _ in range(3):  # near the start, where sizes and counts stand
                changed[chance.randrange(min(64, len(changed)))] = chance.choice((0, 1, 127, 128, 255))
        case _:
            place = chance.randrange(len(changed))
            del changed[place : place + chance.randrange(1, 200)]
    return bytes(changed)


def test_no_mutated_file_stops_the_command_or_leaves_the_output(model: Path, tmp_path: Path) -> None:
    chance = random.Random(0)
    samples = seeds(tmp_path / "seeds")
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(560):
        name, content = samples[number % len(samples)]
        (photos / f"{number:03} {name}").write_bytes(mutated(content, chance))
    (photos / "empty.png").write_bytes(b"")
    (photos / "whole.png").write_bytes(dict(samples)["alpha.png"])
    (photos / "circle").symlink_to(photos)
    (photos / "away.png").symlink_to("/dev/zero")
    (tmp_path / "beside.txt").write_text("mine")
    before = {path for path in tmp_path.rglob("*")}
    out = tmp_path / "out"
    process = start(model, photos, out, "--max-memory", "1GiB", "--all-frames")
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 1, errors[-2000:]
    assert "Traceback" not in errors
    assert "failures.csv" in errors
    made = find_images(out)
    assert any(file.name == "whole.png" for file in made)
    assert len(made) > 60  # many changes leave a picture a picture
    for file in made:
        decode(file)
    new = {path for path in tmp_path.rglob("*")} - before
    assert all(path == out or out in path.parents for path in new)
    reasons = (out / "failures.csv").read_text()
    assert "empty.png" in reasons
    done = len(made) + sum(1 for line in reasons.splitlines() if str(photos) in line)
    assert done == 562


def test_a_killed_command_goes_on_where_it_was(model: Path, tmp_path: Path) -> None:
    photos, out = many(tmp_path / "photos", 60, (160, 128)), tmp_path / "out"
    for _ in range(2):
        process = start(model, photos, out)
        wait_for_first(out)
        time.sleep(0.1)
        process.kill()
        process.communicate()
        for file in find_images(out):
            decode(file)
    assert run_command("translate", str(model), str(photos), str(out)) == 0
    assert_whole(out, [file.name for file in find_images(photos)])
    lines = (out / ".cyclegan" / "done-0.jsonl").read_text().splitlines()
    assert len({json.loads(line)["target"] for line in lines}) == 60
    assert len(lines) <= 62  # of each killed run, at most the last one was done again


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_ends_within_a_second(model: Path, tmp_path: Path, sent: signal.Signals, code: int) -> None:
    photos, out = many(tmp_path / "photos", 200, (160, 128)), tmp_path / "out"
    facts = Facts("ResnetGenerator", {"width": 24, "blocks": 6}, "summer", "winter", 64)  # takes a while
    Translator(facts.build(), facts).save_pretrained(model)
    process = start(model, photos, out, "--precision", "fp32")
    wait_for_first(out)
    process.send_signal(sent)
    asked = time.monotonic()
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - asked < 3  # one second, and what a machine that does other work adds
    assert len(find_images(out)) < 100  # of 200
    assert process.returncode == code
    assert "continue with the same command" in errors
    assert "Traceback" not in errors
    assert not list(out.rglob("*.partial"))


def test_two_processes_do_each_file_once(model: Path, tmp_path: Path) -> None:
    count = 5
    photos, out = many(tmp_path / "photos", count), tmp_path / "out"
    (photos / "broken.png").write_bytes(b"nothing")
    assert run_command("translate", str(model), str(photos / "001.png"), str(out), "--precision", "fp32") == 0
    options = ("--device", "cpu", "--devices", "2", "--precision", "fp32")
    process = start(model, photos, out, *options)
    told, errors = process.communicate(timeout=120)
    assert process.returncode == 1, errors
    assert f"Translated {count - 1} picture" in told, errors
    names = [f"{number:03}.png" for number in range(count)]
    assert_whole(out, names)
    lines = [json.loads(line) for file in (out / ".cyclegan").glob("*.jsonl") for line in file.read_text().splitlines()]
    assert sorted(line["target"] for line in lines) == names
    assert "broken.png" in (out / "failures.csv").read_text()
    translator = Translator.from_pretrained(model)
    for name in names:
        made = np.asarray(Image.open(out / name)).astype(int)
        assert np.abs(made - np.asarray(translator(photos / name))).max() <= 1


def test_every_format_can_be_chosen(model: Path, tmp_path: Path) -> None:
    picture = save_picture(tmp_path / "photos" / "a.jpg")
    for name in FORMATS:
        out = tmp_path / name
        assert run_command("translate", str(model), str(picture.parent), str(out), "--format", name) == 0
        with Image.open(find_images(out)[0]) as file:
            assert file.format == FORMATS[name].name
