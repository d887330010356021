"""The evaluate command: from a model and a data set, or two folders, to a table."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cyclegan.inference.saved import Facts
from cyclegan.scoring.table import CYCLE, FLAT, FLOOR, NOTHING, TRANSLATOR
from cyclegan.translator import Translator
from tests.commands import fail_command, run_command
from tests.conftest import save_domain, save_picture
from tests.scoring.test_features import save_onnx
from tests.test_train import tiny


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run between summer and winter, with aligned tests and averaged weights."""
    folder = tmp_path_factory.mktemp("trained")
    names, averaging = ("domain.a=summer", "domain.b=winter"), "callbacks.averaging.decay=0.5"
    options = (*names, averaging, "domain.paired_test=true", "callbacks.scores.pictures=null")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        assert run_command("train", *tiny(save_domain(folder / "domain"), folder / "run", *options)) == 0
    return folder / "run"


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained run; its pictures are those of domain_root."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """A translator from summer to winter that is not part of a run."""
    facts = Facts("ResnetGenerator", {"width": 4, "blocks": 1}, "summer", "winter", 32)
    Translator(facts.build(), facts).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def scores(file: Path) -> dict[str, Any]:
    table: dict[str, Any] = json.loads(file.read_text())
    return table


def test_a_run_needs_nothing_else_and_scores_as_in_training(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained = scores(run / "scores.json")
    (run / "scores.json").unlink()
    capsys.readouterr()
    assert run_command("evaluate", str(run)) == 0
    printed = capsys.readouterr().out
    assert "3 summer and 3 winter for testing at 32x32, aligned" in printed
    assert "KID and FID are left out. Could not fetch" in printed
    assert "LPIPS is left out. Could not fetch" in printed
    assert f"Written to {run / 'scores.json'}" in printed
    table = scores(run / "scores.json")
    assert table.keys() == trained.keys() == {"winter", "summer"}
    for look, rows in trained.items():
        assert table[look].keys() == rows.keys()
        assert f"to {look}" in printed
        for name, numbers in rows.items():
            assert table[look][name] == pytest.approx(numbers, rel=1e-3, abs=1e-4)  # a level of 255, here and there


def test_features_give_kid_and_fid_with_a_floor(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx = str(save_onnx(tmp_path / "a b.onnx"))
    file = tmp_path / "deep" / "kid.json"
    before = scores(run / "scores.json")
    assert run_command("evaluate", str(run), "--features", onnx, "--json", str(file), "--to", "winter") == 0
    assert "FID is biased upwards with few pictures, here 3" in capsys.readouterr().out
    rows = scores(file)["winter"]
    assert set(scores(file)) == {"winter"}
    for row in (TRANSLATOR, NOTHING, FLAT, FLOOR):
        assert rows[row].keys() >= {"kid", "kid_error", "fid"}
    assert CYCLE in rows
    assert scores(run / "scores.json") == before


def test_the_equilibrium_of_a_run_is_measured_and_written(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("evaluate", str(run), "--features", "none", "--equilibrium", "--steps", "1") == 0
    printed = capsys.readouterr().out
    numbers = scores(run / "equilibrium.json")
    for name in ("generators", "discriminators"):
        assert f"{numbers[f'regret_{name}']:.4f} ± {numbers[f'regret_{name}_std']:.4f}" in printed
    total = numbers["regret_generators"] + numbers["regret_discriminators"]
    assert numbers["duality_gap"] == pytest.approx(total, abs=1e-5)
    only = "--equilibrium must go with a run folder"
    assert only in fail_command(capsys, "evaluate", str(run / "best"), "--equilibrium")


def test_a_checkpoint_the_best_and_the_run_are_the_same_model(run: Path, tmp_path: Path) -> None:
    (best,) = (run / "checkpoints").glob("best-*.ckpt")
    models = {"run": run, "best": run / "best", "kept": best, "last": run / "checkpoints" / "last.ckpt"}
    for name, model in models.items():
        assert run_command("evaluate", str(model), "--features", "none", "--json", str(tmp_path / f"{name}.json")) == 0
    tables = [scores(tmp_path / f"{name}.json") for name in models]
    assert all(table == tables[0] for table in tables)
    assert run_command("evaluate", str(run / "best"), "--features", "none") == 0
    assert scores(run / "best" / "scores.json") == tables[0]


def test_a_direction_of_a_run_knows_its_looks(run: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    both = ("--features", "none", "--json")
    assert run_command("evaluate", str(run / "to_summer"), *both, str(tmp_path / "one.json")) == 0
    assert "The cycle's error takes both directions: not measured." in capsys.readouterr().out
    assert run_command("evaluate", str(run), *both, str(tmp_path / "two.json")) == 0
    one, two = scores(tmp_path / "one.json"), scores(tmp_path / "two.json")
    assert one["summer"] == {name: row for name, row in two["summer"].items() if name != CYCLE}
    assert set(one) == {"summer"}


def test_another_data_set_may_hold_nothing_but_tests(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for split in ("testA", "testB"):
        for i in range(4):
            save_picture(tmp_path / "other" / split / f"{i}.jpg", (50, 40), seed=i)
    save_picture(tmp_path / "other" / "testA" / "more.jpg")
    arguments = (str(run), str(tmp_path / "other"), "--features", str(save_onnx(tmp_path / "f.onnx")))
    assert run_command("evaluate", *arguments, "--exclude-leaks", "--json", str(tmp_path / "other.json")) == 0
    printed = capsys.readouterr().out
    assert "4 summer and 4 winter for testing at 32x32, aligned" in printed
    assert "1 without a partner of the same name are left out." in printed
    rows = scores(tmp_path / "other.json")["winter"]
    assert FLOOR not in rows
    assert FLAT not in rows
    assert rows[NOTHING]["mae"] == 0
    assert rows[NOTHING]["fid"] == pytest.approx(0, abs=1e-9)


def test_leaks_can_be_left_out(
    run: Path, domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(domain_root / "testA" / "0.png", domain_root / "trainB" / "leak.png")
    arguments = (str(run), str(domain_root), "--features", "none", "--json", str(tmp_path / "x.json"))
    assert run_command("evaluate", *arguments, "--exclude-leaks") == 0
    printed = capsys.readouterr().out
    assert "2 summer and 2 winter for testing" in printed
    assert "2 that are broken or copies of training pictures are left out." in printed
    assert scores(tmp_path / "x.json")["winter"][TRANSLATOR]["pictures"] == 2
    assert run_command("evaluate", *arguments) == 0
    assert scores(tmp_path / "x.json")["winter"][TRANSLATOR]["pictures"] == 3


def test_the_size_changes_what_is_compared(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "large.json"
    assert run_command("evaluate", str(run), "--size", "48", "--features", "none", "--json", str(file)) == 0
    assert "at 48x48" in capsys.readouterr().out
    assert scores(file)["winter"][NOTHING] != scores(run / "scores.json")["winter"][NOTHING]


def test_a_translator_without_a_run_needs_the_name_of_look_a(alone: Path, domain_root: Path, tmp_path: Path) -> None:
    there = (str(alone), str(domain_root), "--features", "none", "--paired", "--json", str(tmp_path / "x.json"))
    assert run_command("evaluate", *there, "--a", "summer") == 0
    forwards = scores(tmp_path / "x.json")["winter"]
    assert run_command("evaluate", *there, "--a", "winter") == 0
    backwards = scores(tmp_path / "x.json")["winter"]
    assert forwards[NOTHING]["mae"] == backwards[NOTHING]["mae"]
    assert forwards[TRANSLATOR]["mae"] != backwards[TRANSLATOR]["mae"]
    assert forwards[FLAT] != backwards[FLAT]


def test_any_two_folders_are_compared(domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fakes, reals = domain_root / "testA", domain_root / "testB"
    (fakes / "0.png").rename(fakes / "0.webp")  # a picture's suffix does not matter
    (fakes / "deep").mkdir()
    (fakes / "1.png").rename(fakes / "deep" / "1.png")
    file = tmp_path / "x.json"
    where = ("--fakes", str(fakes), "--reals", str(reals), "--features", str(save_onnx(tmp_path / "f.onnx")))
    assert run_command("evaluate", *where, "--json", str(file)) == 0
    whole = scores(file)["testB"]["fakes"]
    assert whole.keys() == {"pictures", "kid", "kid_error", "fid", "features", "diversity"}
    assert (
        run_command("evaluate", *where[:4], "--features", "none", "--json", str(file), "--paired", "--size", "30") == 0
    )
    assert "2 without a partner" in capsys.readouterr().out
    paired = scores(file)["testB"]["fakes"]
    assert paired.keys() == {"pictures", "mae", "psnr", "ssim", "diversity"}
    assert paired["pictures"] == 2


def test_folders_score_as_the_model_that_made_them(run: Path, domain_root: Path, tmp_path: Path) -> None:
    features = str(save_onnx(tmp_path / "f.onnx"))
    for split in ("testA", "testB"):  # at the size of the tests, so that nothing is resized
        for i in range(3):
            save_picture(domain_root / split / f"{i}.png", (32, 32), seed=i + 10 * (split == "testB"))
    model_arguments = (str(run), str(domain_root), "--features", features)
    assert run_command("evaluate", *model_arguments, "--json", str(tmp_path / "model.json")) == 0
    fakes = str(tmp_path / "fakes")
    translate = (str(run), str(domain_root / "testA"), fakes, "--to", "winter", "--precision", "fp32")
    assert run_command("translate", *translate) == 0
    where = ("--fakes", fakes, "--reals", str(domain_root / "testB"), "--paired", "--features", features)
    assert run_command("evaluate", *where, "--json", str(tmp_path / "folders.json")) == 0
    model, folders = scores(tmp_path / "model.json"), scores(tmp_path / "folders.json")
    first, second = folders["testB"]["fakes"], model["winter"][TRANSLATOR]
    assert first.pop("features") == second.pop("features") == "f.onnx"
    assert first == pytest.approx(second, rel=1e-6)


def test_a_users_mistake_ends_with_one_line(
    run: Path, alone: Path, domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    shutil.copytree(domain_root, tmp_path / "no_b")
    shutil.rmtree(tmp_path / "no_b" / "testB")
    save_picture(tmp_path / "large" / "0.png", (50, 50))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "0.png").write_bytes(b"nothing")
    (tmp_path / "stray.ckpt").write_bytes(b"nothing")
    two = ("--features", "none", "--fakes", str(domain_root / "testA"), "--reals")
    mistakes = {
        (): "There must be a MODEL, or --fakes and --reals together",
        (str(run), "--fakes", "x"): "There must be a MODEL, or --fakes and --reals together",
        ("--fakes", str(domain_root)): "There must be a MODEL, or --fakes and --reals together",
        (*two, str(domain_root / "testB"), "--to", "winter"): "must go with a MODEL",
        (*two, "nowhere"): "There is no folder nowhere",
        (*two, str(tmp_path / "empty")): "No images in",
        (*two, str(tmp_path / "broken")): "not a picture that can be read. Repair it or leave it out.",
        (*two, str(tmp_path / "large"), "--paired"): "must have equal sizes and channels, got 40x36 with 3 and 50x50",
        (*two, str(run), "--paired"): "must hold pictures of the same names",
        ("nowhere",): "There is no folder nowhere",
        (str(tmp_path / "empty"), str(domain_root)): "holds no translator yet",
        (str(tmp_path / "stray.ckpt"),): "stray.ckpt holds more than weights, or is damaged. It was not loaded",
        (str(run / "config.yaml"),): "config.yaml is not a model. Name a run folder, a checkpoint, a translator",
        (str(run), "nowhere"): "There is no folder nowhere. Name one that holds testA and testB.",
        (str(run), str(tmp_path / "empty")): f"There are no test pictures in {tmp_path / 'empty' / 'testA'}",
        (str(run), str(tmp_path / "no_b")): "There are no test pictures in",
        (str(run), "--to", "spring"): "--to must be one of summer, winter, got 'spring'",
        (str(run), "--features", "resnet"): "features must be inception, lite0, lite1, lite2 or the path of an",
        (str(run), "--features", "inception"): "Could not fetch",
        (str(run), "--features", "nowhere.onnx"): "There is no file nowhere.onnx",
        (str(run), "--a", "winter"): "must be summer and winter, got winter",
        (str(run), "--size", "0"): "must be a whole number of at least 1",
        (str(run), "--device", "abacus"): "device must be one",
        (str(alone), str(domain_root)): "--a must be summer or winter, the look in DATASET's testA, got None",
        (str(alone), "--a", "summer"): "is not part of a run. Name a DATASET",
    }
    before = (run / "scores.json").read_text()
    for arguments, line in mistakes.items():
        assert line in fail_command(capsys, "evaluate", *arguments), arguments
    assert (run / "scores.json").read_text() == before


def test_too_few_pictures_for_kid_are_refused_or_kid_left_out(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for split in ("testA", "testB"):
        save_picture(tmp_path / "few" / split / "0.png")
    onnx = str(save_onnx(tmp_path / "f.onnx"))
    line = fail_command(capsys, "evaluate", str(run), str(tmp_path / "few"), "--features", onnx)
    assert "KID and FID must have at least 3 pictures on either side, got 1 and 1" in line
    assert run_command("evaluate", str(run), str(tmp_path / "few"), "--json", str(tmp_path / "few.json")) == 0
    assert f"KID and FID are left out. {line}" in capsys.readouterr().out
    assert scores(tmp_path / "few.json")["winter"][TRANSLATOR].keys() == {"pictures", "mae", "psnr", "ssim"}


def test_a_gray_translator_is_scored_in_gray(domain_root: Path, tmp_path: Path) -> None:
    options = {"width": 4, "blocks": 1, "channels": 1}
    facts = Facts("ResnetGenerator", options, "summer", "winter", 32)
    Translator(facts.build(), facts).save_pretrained(tmp_path / "gray")
    arguments = (str(tmp_path / "gray"), str(domain_root), "--a", "summer", "--json", str(tmp_path / "gray.json"))
    assert run_command("evaluate", *arguments, "--features", str(save_onnx(tmp_path / "f.onnx"))) == 0
    assert "kid" in scores(tmp_path / "gray.json")["winter"][FLOOR]
