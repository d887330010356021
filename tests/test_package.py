"""The built wheel works by itself, from any folder."""

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.conftest import save_picture

PROJECT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the wheel's contents."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(PROJECT)]
    subprocess.run(build, check=True, capture_output=True)
    with ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def run(installed: Path, where: Path, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-m", f"cyclegan.{verb}", *arguments]
    return subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, check=False)


def test_the_wheel_holds_one_package_with_its_configs_and_pictures(installed: Path) -> None:
    top = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}
    assert top == {"cyclegan"}
    assert (installed / "cyclegan" / "conf" / "train.yaml").exists()
    pages = {path.name for path in (PROJECT / "cyclegan" / "reporting" / "page").iterdir()}
    assert {path.name for path in (installed / "cyclegan" / "reporting" / "page").iterdir()} == pages
    assert (installed / "cyclegan" / "translators" / "seasons" / "to_winter" / "model.safetensors").exists()
    assert len(list((installed / "cyclegan" / "datasets" / "seasons" / "trainA").iterdir())) == 369


def test_the_wheel_trains_on_its_own_pictures_and_translates(installed: Path, tmp_path: Path) -> None:
    small = ("model.generator.width=4", "model.generator.blocks=1", "model.discriminator.width=4")
    sizes = ("domain.load_size=32", "domain.crop_size=32")
    trained = run(installed, tmp_path, "train", "trainer=smoke", *small, *sizes, "run_dir=run")
    assert trained.returncode == 0, trained.stderr
    assert "369 summer and 500 winter" in trained.stdout
    picture = save_picture(tmp_path / "x.png")
    translated = run(installed, tmp_path, "translate", "run", str(picture), "y.png", "--to", "winter")
    assert translated.returncode == 0, translated.stderr
    assert (tmp_path / "y.png").exists()
    reported = run(installed, tmp_path, "report", "run")
    assert reported.returncode == 0, reported.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "x.png", "y.png"]


def test_a_users_own_domain_needs_no_checkout(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "mine" / "domain").mkdir(parents=True)
    (tmp_path / "mine" / "domain" / "cats.yaml").write_text(
        "defaults: [folders, _self_]\na: cat\nb: dog\nroot: nowhere\n"
    )
    failed = run(installed, tmp_path, "train", "--config-dir", "mine", "domain=cats")
    assert failed.returncode == 2
    assert (
        failed.stderr.strip() == "There is no folder nowhere/trainA. Set domain.root, or domain.a_dir and domain.b_dir."
    )
