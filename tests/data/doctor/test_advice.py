"""Each piece of advice is given where it is due, and only there."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

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


def having(found: Findings = SOUND, **splits: dict[str, Any]) -> Findings:
    """Findings in which some splits are otherwise."""
    changed = {name: replace(found.splits[name], **changes) for name, changes in splits.items()}
    return replace(found, splits={**found.splits, **changed})


def test_a_sound_domain_needs_no_advice() -> None:
    assert advise(SOUND, DOMAIN) == []
    assert advise(SOUND, SQUASHED) == []


CASES: dict[str, tuple[Findings, Domain, str]] = {
    "broken": (replace(SOUND, broken={"trainA/x": "empty"}), DOMAIN, "1 picture cannot be read"),
    "even": (having(testB={"flat": 2}), DOMAIN, "2 pictures of one even colour"),
    "leaks": (
        replace(SOUND, exact=Copies([], 0, ["x", "y"]), near=Copies([], 0, ["z"])),
        DOMAIN,
        "domain.exclude_leaks=true leaves those 3 out",
    ),
    "across": (replace(SOUND, near=Copies([], 2, [])), DOMAIN, "on both sides (2) teach that summer and winter"),
    "repeats": (
        replace(
            SOUND, exact=Copies([["trainA/1", "trainA/2", "trainA/3", "testA/1"], ["trainB/1", "trainA/4"]], 0, [])
        ),
        DOMAIN,
        "repeat others of their side: 2.",
    ),
    "few": (
        having(trainA={"pictures": 150}, trainB={"pictures": 199}),
        DOMAIN,
        "Only 150 summer and 199 winter pictures to train on",
    ),
    "uneven": (having(trainA={"pictures": 2500}), DOMAIN, "5 times as many summer as winter"),
    "no tests": (having(testB={"pictures": 0}), DOMAIN, "No test pictures of winter"),
    "few tests": (having(testB={"pictures": 20}), DOMAIN, "Scores over 20 test pictures"),
    "small": (
        having(trainA={"short_side": [100, 140, 200, 300, 400], "smaller": 300}),
        DOMAIN,
        "300 training pictures are smaller than domain.crop_size=256, and blurred when enlarged: "
        "domain.load_size=143 domain.crop_size=128",
    ),
    "some small": (having(trainA={"smaller": 1}), DOMAIN, "1 training picture is smaller"),
    "tiny": (
        having(trainA={"short_side": [9] * 5}, trainB={"short_side": [9] * 5}),
        DOMAIN,
        "domain.load_size=36 domain.crop_size=32",
    ),
    "large": (
        having(trainA={"short_side": [999] * 5}, trainB={"short_side": [600, 600, 700, 800, 900]}),
        DOMAIN,
        "A larger domain.load_size (up to 700)",
    ),
    "sharper": (having(trainB={"short_side": [512] * 5}), DOMAIN, "winter pictures have 512 pixels, summer ones 286"),
    "squashed": (having(trainA={"aspect": 1.5}, trainB={"aspect": 0.6}), SQUASHED, "keep_aspect=true"),
    "oblong": (having(trainA={"aspect": 0.7}), DOMAIN, "Only summer pictures are oblong"),
    "gray": (having(trainA={"gray": 500}, trainB={"gray": 500}), DOMAIN, "domain.channels=1"),
    "one gray side": (having(trainB={"gray": 500}), DOMAIN, "All winter pictures are gray, the others are not"),
    "some gray": (having(trainB={"gray": 3}), DOMAIN, "are gray (3 winter)"),
    "colour": (SOUND, replace(DOMAIN, channels=1), "domain.channels=3"),
    "formats": (having(trainA={"formats": {"PNG": 480, "JPEG": 20}}), DOMAIN, "winter pictures are JPEG, summer ones"),
    "clear": (having(trainA={"modes": {"RGBA": 4, "RGB": 496}}), DOMAIN, "4 pictures with transparency"),
    "deep": (having(trainA={"modes": {"I;16": 500}}), DOMAIN, "500 pictures with more than 8 bits"),
    "far": (
        replace(SOUND, colours=Colours(replace(ALIKE, guess=0.95), ALIKE, ALIKE, 10.0)),
        DOMAIN,
        "Mean colour alone tells summer from winter in 95% of the pictures",
    ),
    "close": (
        replace(SOUND, colours=Colours(CHANCE, CHANCE, CHANCE, 1.0)),
        DOMAIN,
        "much the same colours",
    ),
    "pairs": (replace(SOUND, pairing=Pairing(0, 95)), DOMAIN, "domain.paired_test=true"),
    "partners": (replace(SOUND, pairing=Pairing(0, 95)), replace(DOMAIN, paired_test=True), "5 test pictures have no"),
    "kinds": (replace(SOUND, others={".txt": 9, ".heic": 3, ".nef": 1}), DOMAIN, "(3 .heic, 1 .nef)"),
}


@pytest.mark.parametrize(("found", "domain", "advice"), CASES.values(), ids=CASES.keys())
def test_advice_is_given(found: Findings, domain: Domain, advice: str) -> None:
    (sentence,) = advise(found, domain)
    assert advice in sentence


def test_what_is_set_already_is_not_advised() -> None:
    ill = replace(SOUND, broken={"trainA/x": "empty"}, exact=Copies([], 0, ["x"]), pairing=Pairing(0, 100))
    assert len(advise(ill, DOMAIN)) == 3
    assert advise(ill, replace(DOMAIN, skip_broken=True, exclude_leaks=True, paired_test=True)) == []


def test_every_option_that_is_named_exists() -> None:
    source = (Path(__file__).parents[2] / "cyclegan" / "data" / "advice.py").read_text()
    options = {option for option in re.findall(r"domain\.([a-z_]+)=", source)}
    assert {"exclude_leaks", "skip_broken", "crop_size"} <= options
    assert options <= set(Domain.__dataclass_fields__)
