"""Each piece of advice is given if it applies, and only then."""

import inspect
import re
from dataclasses import replace
from typing import Any

import pytest

from cyclegan.data.doctor import advice
from cyclegan.data.doctor.advice import advise
from cyclegan.data.doctor.findings import Channel, Colours, Copies, Findings, Pairing, Split
from cyclegan.data.domain import Domain
from cyclegan.data.transforms import Resize

DOMAIN = Domain("test", [], [])
SPLIT = Split("", 500, 0, {"286x286": 500}, [286] * 5, 1.0, 0, {"JPEG": 500}, {"RGB": 500}, gray=0, flat=0)
ALIKE = Channel(50.0, 52.0, 5.0, 0.7)
CHANCE = replace(ALIKE, guess=0.55)
SOUND = Findings(
    name="test",
    splits={
        "trainA": replace(SPLIT, look="summer"),
        "trainB": replace(SPLIT, look="winter"),
        "testA": replace(SPLIT, look="summer", pictures=100),
        "testB": replace(SPLIT, look="winter", pictures=100),
    },
    broken={},
    others={"": 1, ".db": 2},
    exact=Copies([], 0, []),
    near=Copies([], 0, []),
    colours=Colours(ALIKE, ALIKE, ALIKE, 6.0),
    pairing=Pairing(0, 0),
    suggestions=[],
)
SQUASHED = replace(DOMAIN, transform=[Resize(286, keep_aspect=False)])


def having(**splits: dict[str, Any]) -> Findings:
    """Findings with changes in some splits."""
    changed = {name: replace(SOUND.splits[name], **changes) for name, changes in splits.items()}
    return replace(SOUND, splits={**SOUND.splits, **changed})


def short_side(*pixels: int) -> dict[str, list[int]]:
    return {"short_side": [*pixels]}


def test_a_sound_domain_needs_no_advice() -> None:
    assert advise(SOUND, DOMAIN) == []
    assert advise(SOUND, SQUASHED) == []


REPEATS = [["trainA/1", "trainA/2", "trainA/3", "testA/1"], ["trainB/1", "trainA/4"]]
FINDINGS: dict[str, Findings] = {
    "cannot be read: 1. ": replace(SOUND, broken={"trainA/x": "empty"}),
    "of a single colour: 2. ": having(testB={"flat": 2}),
    "formats that cannot be read: 3 .heic, 1 .nef. ": replace(SOUND, others={".txt": 9, ".heic": 3, ".nef": 1}),
    "also training pictures: 3. ": replace(SOUND, exact=Copies([], 0, ["x", "y"]), near=Copies([], 0, ["z"])),
    "both sides: 2. They teach that summer and winter": replace(SOUND, near=Copies([], 2, [])),
    "repeat others of their side: 2. ": replace(SOUND, exact=Copies(REPEATS, 0, [])),
    "Only 150 summer and 199 winter pictures": having(trainA={"pictures": 150}, trainB={"pictures": 199}),
    "5 times as many summer as winter": having(trainA={"pictures": 2500}),
    "No test pictures of winter": having(testB={"pictures": 0}),
    "Scores over 20 test pictures": having(testB={"pictures": 20}),
    "domain.crop_size=256, and blurred when enlarged: 300. Better: domain.load_size=143 domain.crop_size=128": having(
        trainA={"smaller": 300} | short_side(100, 140, 200, 300, 400)
    ),
    "enlarged: 1. Leave them out.": having(trainA={"smaller": 1}),
    "domain.load_size=36 domain.crop_size=32": having(
        trainA={"smaller": 500} | short_side(9, 9, 9, 9, 9), trainB={"smaller": 500} | short_side(9, 9, 9, 9, 9)
    ),
    "A larger domain.load_size (up to 700)": having(
        trainA=short_side(999, 999, 999, 999, 999), trainB=short_side(600, 600, 700, 800, 900)
    ),
    "winter pictures has 512 pixels, that of summer pictures 286": having(trainB=short_side(512, 512, 512, 512, 512)),
    "All training pictures are gray: domain.channels=1": having(trainA={"gray": 500}, trainB={"gray": 500}),
    "All winter pictures are gray, the others are not": having(trainB={"gray": 500}),
    "among coloured ones: 3 winter. ": having(trainB={"gray": 3}),
    "winter pictures are JPEG, summer ones are not": having(trainA={"formats": {"PNG": 480, "JPEG": 20}}),
    "with transparency: 4. ": having(trainA={"modes": {"RGBA": 4, "RGB": 496}}),
    "more than 8 bits: 500. ": having(trainA={"modes": {"I;16": 500}}),
    "Mean colour alone tells summer from winter in 95% of the pictures": replace(
        SOUND, colours=Colours(replace(ALIKE, guess=0.95), ALIKE, ALIKE, 10.0)
    ),
    "nearly the same colours": replace(SOUND, colours=Colours(CHANCE, CHANCE, CHANCE, 1.0)),
    "domain.paired_test=true": replace(SOUND, pairing=Pairing(0, 95)),
}


@pytest.mark.parametrize(("sentence", "found"), FINDINGS.items(), ids=FINDINGS.keys())
def test_advice_follows_from_a_finding(sentence: str, found: Findings) -> None:
    (only,) = advise(found, DOMAIN)
    assert sentence in only


def test_advice_depends_on_options() -> None:
    (only,) = advise(having(trainA={"aspect": 1.5}, trainB={"aspect": 0.6}), SQUASHED)
    assert "keep_aspect=true" in only
    (only,) = advise(replace(SOUND, pairing=Pairing(0, 95)), replace(DOMAIN, paired_test=True))
    assert "without a partner of the same name: 5. " in only


def test_options_that_are_set_are_not_advised() -> None:
    found = replace(SOUND, broken={"trainA/x": "empty"}, exact=Copies([], 0, ["x"]), pairing=Pairing(0, 100))
    assert len(advise(found, DOMAIN)) == 3
    assert advise(found, replace(DOMAIN, skip_broken=True, exclude_leaks=True, paired_test=True)) == []


def test_every_option_that_is_named_exists() -> None:
    options = set(re.findall(r"domain\.([a-z_]+)=", inspect.getsource(advice)))
    assert {"exclude_leaks", "skip_broken", "crop_size"} <= options
    assert options <= set(Domain.__dataclass_fields__)
