"""Which file becomes which: nothing is lost, nothing leaves OUTPUT."""

from pathlib import Path

import pytest

from cyclegan.console.errors import UsageError
from cyclegan.inference.collection import plan


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("photos/a.jpg", "photos/a.png", "photos/deep/b.JPEG", "photos/.hidden/c.jpg", "photos/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def targets(*inputs: str, output: str = "out", file_format: str | None = None) -> dict[str, str]:
    planned = plan(inputs, Path(output), file_format)
    return {str(job.source): str(planned.root / job.target) for job in planned.jobs}


def test_a_folder_keeps_its_tree(desk: Path) -> None:
    assert targets("photos") == {
        "photos/a.jpg": "out/a.jpg",
        "photos/a.png": "out/a.png",
        "photos/deep/b.JPEG": "out/deep/b.JPEG",
    }


def test_names_that_would_collide_stay_apart(desk: Path) -> None:
    made = targets("photos", file_format="png")
    assert made == {
        "photos/a.jpg": "out/a.jpg.png",
        "photos/a.png": "out/a.png",
        "photos/deep/b.JPEG": "out/deep/b.png",
    }
    (desk / "photos" / "a.jpg.png").write_bytes(b"x")
    (desk / "photos" / "A.PNG").write_bytes(b"x")  # the same name where case does not count
    made = targets("photos", file_format="png")
    assert len({name.casefold() for name in made.values()}) == len(made) == 5
    assert made["photos/a.jpg.png"] == "out/a.jpg.png"


def test_a_pattern_keeps_the_tree_below_its_fixed_part(desk: Path) -> None:
    assert targets("photos/**/*.[jJ]*") == {"photos/a.jpg": "out/a.jpg", "photos/deep/b.JPEG": "out/deep/b.JPEG"}
    (desk / "odd [1]").mkdir()
    (desk / "odd [1]" / "x.jpg").write_bytes(b"x")
    assert targets("odd [1]") == {"odd [1]/x.jpg": "out/x.jpg"}  # a folder that is there is no pattern


def test_several_inputs_go_to_one_folder(desk: Path) -> None:
    assert targets("photos/a.jpg", "photos/deep") == {
        "photos/a.jpg": "out/a.jpg",
        "photos/deep/b.JPEG": "out/deep/b.JPEG",
    }


def test_a_file_becomes_a_file_or_goes_into_a_folder(desk: Path) -> None:
    assert targets("photos/a.jpg", output="new/b.png") == {"photos/a.jpg": "new/b.png"}
    assert targets("photos/a.jpg", output="new") == {"photos/a.jpg": "new/a.jpg"}
    assert targets("photos/a.jpg", output="new", file_format="tif") == {"photos/a.jpg": "new/a.tif"}


def test_what_was_written_before_is_not_translated_again(desk: Path) -> None:
    for name in ("winter", "spring"):
        (desk / "photos" / name / ".cyclegan").mkdir(parents=True)
        (desk / "photos" / name / "a.jpg").write_bytes(b"x")
    planned = plan(["photos"], Path("photos/winter"))
    assert [job.source.as_posix() for job in planned.jobs] == ["photos/a.jpg", "photos/a.png", "photos/deep/b.JPEG"]
    assert planned.left_out == [Path("photos/spring")]
    assert targets("photos/spring") == {"photos/spring/a.jpg": "out/a.jpg"}  # unless it is what was asked for


def test_a_format_must_agree_with_the_name(desk: Path) -> None:
    with pytest.raises(UsageError, match="--format must agree"):
        plan(["photos/a.jpg"], Path("b.jpg"), "png")


def test_links_lead_nowhere(desk: Path) -> None:
    outside = desk / "outside"
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(b"x")
    (desk / "photos" / "away").symlink_to(outside)
    (desk / "photos" / "deep" / "circle").symlink_to(desk / "photos")
    (desk / "photos" / "gone.jpg").symlink_to(desk / "nothing.jpg")
    planned = plan(["photos"], Path("out"))
    assert [job.target.as_posix() for job in planned.jobs] == ["a.jpg", "a.png", "deep/b.JPEG"]
    assert [link.as_posix() for link in planned.left_out] == ["photos/away", "photos/deep/circle"]


@pytest.mark.parametrize(
    ("inputs", "output", "line"),
    [
        (["photos"], "photos", "OUTPUT must not be INPUT"),
        (["photos/*.jpg"], "photos", "would be lost"),
        (["photos/a.jpg"], "photos/a.jpg", "would be lost"),
        (["photos/a.jpg"], "photos", "would be lost"),
        (["nothing"], "out", "There is no file or folder nothing"),
        (["nothing/*.jpg"], "out", "No images in"),
        (["photos/notes.txt"], "out", "must end in one of"),
        (["photos/a.jpg"], "b.xyz", "must end in one of"),
        (["photos"], "new.jpg", "OUTPUT must be a folder"),
        (["photos"], "photos/a.jpg", "OUTPUT must be a folder"),
    ],
)
def test_a_mistake_is_refused(desk: Path, inputs: list[str], output: str, line: str) -> None:
    with pytest.raises(UsageError, match=line):
        plan(inputs, Path(output))
