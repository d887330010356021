"""Tables of scores: on the console, in a file, for a logger."""

from pathlib import Path

from cyclegan.scoring.table import (
    CHANGE,
    CYCLE,
    NOTHING,
    TRANSLATOR,
    flat_numbers,
    footnotes,
    read_table,
    save_table,
    table_lines,
)

PIXELS = {"mae": 40.53, "psnr": 14.7, "ssim": 0.4931}
TABLE = {
    "Schnee ❄": {
        TRANSLATOR: {"pictures": 61, "kid": 0.01234, "kid_error": 0.0021, "fid": 77.31, **PIXELS},
        NOTHING: {"pictures": 61, "kid": 1.5, "kid_error": 0.0, "fid": 250.0, **PIXELS},
        CYCLE: PIXELS,
    }
}


def test_a_table_survives_its_file(tmp_path: Path) -> None:
    save_table(TABLE, tmp_path / "new" / "scores.json")
    assert read_table(tmp_path / "new" / "scores.json") == TABLE
    assert "Schnee ❄" in (tmp_path / "new" / "scores.json").read_text(encoding="utf-8")
    assert read_table(tmp_path / "none.json") == {}


def test_columns_are_aligned_and_unknown_ones_left_out() -> None:
    heading, *rows = [line for line in table_lines(TABLE) if line]
    assert heading.split() == ["to", "Schnee", "❄", "pictures", "KID", "FID", "error", "PSNR", "SSIM"]
    assert len({len(line) for line in (heading, *rows)}) == 1
    assert rows[0].split()[1:] == ["61", "0.0123", "±", "0.0021", "77.31", "40.5", "14.7", "0.493"]
    assert rows[2].split("input")[1].split() == ["40.5", "14.7", "0.493"]


def test_few_pictures_for_fid_give_a_warning() -> None:
    (units, warning) = footnotes(TABLE)
    assert "FID is biased upwards with few pictures, here 61 (its authors ask for 10,000)" in warning
    assert "standard error" in units
    (units,) = footnotes({"winter": {TRANSLATOR: {"pictures": 61} | PIXELS}})
    assert "KID" not in units
    many = {"winter": {TRANSLATOR: {"pictures": 10_000, "kid": 0.0, "kid_error": 0.1, "fid": 9.0}}}
    assert len(footnotes(many)) == 1


def test_a_logger_gets_the_translators_numbers() -> None:
    numbers = flat_numbers({"winter": {TRANSLATOR: {"pictures": 61, "kid": 0.1}, CHANGE: PIXELS, NOTHING: PIXELS}})
    changes = {f"to_winter/change_{name}": value for name, value in PIXELS.items()}
    assert numbers == {"to_winter/kid": 0.1} | changes
