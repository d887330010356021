"""Time to quality is measured against the textbook's best score, and names its features."""

from benchmarks.quality import Curve, table


def test_a_recipe_is_compared_with_the_textbooks_best_score() -> None:
    textbook = Curve([10.0, 20.0, 30.0], {"to_b/kid": [0.9, 0.2, 0.5]})
    ours = Curve([1.0, 2.0, 3.0], {"to_b/kid": [0.4, 0.3, 0.1]})
    lines = table({"textbook": textbook, "ours": ours}, "lite1")
    assert lines[0] == "KID by features of lite1."
    assert lines[-2:] == [
        "| to_b/kid | textbook | 0.5 | 0.2 | 20 s (1/1.5 of the textbook's 30 s) |",
        "| to_b/kid | ours | 0.1 | 0.1 | 3 s (1/10.0 of the textbook's 30 s) |",
    ]
    ours.scores["to_b/kid"][:] = [0.4, 0.3, 0.25]
    assert table({"textbook": textbook, "ours": ours}, "lite1")[-1].endswith("| never |")
