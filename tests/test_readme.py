"""The commands of README and of the pages in docs/ run, on small pictures; what the pages name exists."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from cyclegan.console.places import CONF
from tests.commands import TINY, run_command
from tests.conftest import PROJECT, save_domain, save_picture

PAGES = {page: page.read_text() for page in (PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md")))}
TEXT = "\n".join(PAGES.values())
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", TEXT, re.DOTALL)
LINES = [line.split(" #")[0].strip() for language, block in BLOCKS for line in block.splitlines() if language == "bash"]
COMMANDS = list(dict.fromkeys(line for line in LINES if "-m cyclegan." in line))


@pytest.fixture
def desk(laid_out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folder with everything that the commands name."""
    folder = Path(shutil.copytree(laid_out, tmp_path / "desk", symlinks=True))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme") / "desk"
    for i in range(4):
        save_picture(folder / "SUMMER" / f"{i}.jpg", seed=i)
        save_picture(folder / "WINTER" / f"{i}.jpg", seed=9 + i)
        save_picture(folder / "photos" / "deep" / f"{i}.jpg", seed=i)
    save_picture(folder / "photo.jpg")
    save_domain(folder / "DIR")
    looks = ("domain.a=summer", "domain.b=winter", "domain.root=DIR")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        assert run_command("train", "domain=folders", *TINY, *looks, "run_dir=RUN") == 0
        assert run_command("export", "RUN", "CHECKPOINTS", "--format", "reference") == 0
        shutil.copy(folder / "CHECKPOINTS" / "latest_net_G_A.pth", folder)
        shutil.copytree("RUN", "OTHER_RUN")
        (folder / "runs" / "seasons").mkdir(parents=True)
        (folder / "runs" / "seasons" / "RUN").symlink_to(Path("../../RUN"))
    return folder


def made_small(verb: str, arguments: list[str]) -> list[str]:
    """The same command, for seconds."""
    if "--equilibrium" in arguments:
        return [*arguments, "--steps", "1"]
    if verb in ("translate", "evaluate", "convert", "export", "report"):
        return arguments
    if any(argument.startswith("resume=") for argument in arguments):
        return [*arguments, "trainer.max_steps=3"]
    if verb == "doctor":
        return arguments if "domain=folders" in arguments else [*arguments, "domain.root=DIR"]
    small = [option for option in TINY if option.split("=")[0] not in {each.split("=")[0] for each in arguments}]
    if "init_from=seasons" in arguments:  # has the networks of that translator
        small = [option for option in small if not option.startswith("model.generator")]
    if "domain=folders" in arguments:
        return [*arguments, *small]
    root = [] if "experiment=seasons" in arguments else ["domain.root=DIR"]
    return [*arguments, *root, *small]


def test_commands_were_found() -> None:
    assert {command.split("cyclegan.")[1].split()[0] for command in COMMANDS} >= {
        "train",
        "doctor",
        "translate",
        "evaluate",
        "report",
        "convert",
        "export",
    }
    assert len(COMMANDS) >= 25
    assert len(PAGES[PROJECT / "README.md"].splitlines()) <= 120


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs(command: str, desk: Path) -> None:
    words = shlex.split(command)
    verb = next(word for word in words if word.startswith("cyclegan.")).removeprefix("cyclegan.")
    arguments = words[words.index(f"cyclegan.{verb}") + 1 :]
    if verb == "train" and "resume" not in command:
        arguments = [*arguments, "run_dir=fresh"]
    assert run_command(verb, *made_small(verb, arguments)) == 0


def test_the_python_examples_run(desk: Path) -> None:
    for language, block in BLOCKS:
        if language == "python":
            names: dict[str, object] = {}
            exec(block, names)
            assert names["picture"].size == (40, 36)  # type: ignore[attr-defined]


def test_prepare_runs_as_named(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "python -m cyclegan.prepare domain=yosemite" in TEXT
    assert run_command("prepare", "domain=seasons") == 0
    assert "all 991 pictures can be read" in capsys.readouterr().out


def test_what_the_pages_name_exists() -> None:
    for group, name in re.findall(r"(domain|experiment|trainer|model(?:/\w+)?)=([a-z0-9_]+)\b", TEXT):
        assert (CONF / group / f"{name}.yaml").exists() or name == "mine", (group, name)
    for page, text in PAGES.items():
        for link in re.findall(r"(?:\]\(|src=\")([^)\"\s#]+)", text):
            assert link.startswith("https://") or (page.parent / link).exists(), link
    makefile = (PROJECT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", TEXT, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
