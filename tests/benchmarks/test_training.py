"""What the table of training speed says of memory."""

import torch

from benchmarks.textbook import textbook
from benchmarks.training import MODES, Setting, made_by
from cyclegan.hardware.memory import LiveBytes

SMALL = Setting(size=64, width=8, blocks=3, batch=4, steps=1)


def test_what_the_textbook_makes_is_what_it_would_make() -> None:
    step = textbook(*SMALL[:4], torch.device("cpu"))
    with LiveBytes() as live:
        step()
        step()
    assert made_by(SMALL, "textbook") == live.most


def test_less_is_made_of_16_bits_of_fewer_terms_and_where_passes_are_computed_again() -> None:
    made = {side: made_by(SMALL, side) for side in MODES}
    assert made["default"] <= made["float32"]  # the same without bf16
    assert made["default, checkpointing"] < made["cyclegan_fast"] < made["default"]
