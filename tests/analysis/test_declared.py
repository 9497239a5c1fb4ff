import numpy as np
import pytest
from golden import effect, golden

from dlas.analysis.claims import REFUTED, SUPPORTED, Claim, Comparison, claims
from dlas.analysis.declared import read
from dlas.errors import CubeError

TEXT = """
[[claim]]
text = "c1 is a fifth faster"
source = "planted"
these = { codegen = "c1" }
against = { codegen = "c0" }
where = { model = "m0" }
direction = "lower"
minimum = 0.2

[[claim]]
text = "c1 is slower"
source = "planted"
these = { codegen = "c1" }
against = { codegen = "c0" }
direction = "higher"
"""


def declared(tmp_path, text):
    file = tmp_path / "claims.toml"
    file.write_text(text)
    return read(file)


def test_claims_are_read_as_they_are_declared(tmp_path):
    first, second = declared(tmp_path, TEXT)
    sides = {"codegen": "c1"}, {"codegen": "c0"}
    assert first == Claim("c1 is a fifth faster", "planted", Comparison(*sides, {"model": "m0"}), "lower", 0.2)
    assert second == Claim("c1 is slower", "planted", Comparison(*sides), "higher")


def test_a_cube_judges_them(tmp_path):
    cube = golden(effect("codegen", 0, np.log(0.5)) + effect("model", 0, 1), 0.01)
    found = claims(cube, declared(tmp_path, TEXT))
    assert found.groupby("claim", sort=False)["verdict"].first().tolist() == [SUPPORTED, REFUTED]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("claim = 3", "write each claim as a table [[claim]], and nothing else"),
        ("[[claim]]\ntext = 'x'", "claim 1: source is missing; it has text, source, these, against, direction, and "),
        (TEXT.replace("minimum", "least"), "claim 1: 'least' is unknown; it has text, source"),
        (TEXT.replace("0.2", "'20%'"), "claim 1: minimum must be a number, as in 0.2 for a fifth"),
        (TEXT.replace('{ model = "m0" }', "3"), 'claim 1: where must be a table of layer = "option"'),
        (TEXT.replace('"planted"', "3"), "claim 1: source must be a text in quotes"),
        ("[[claim]\n", "cannot be read ("),
    ],
)
def test_what_is_no_claim_is_told_in_a_sentence(tmp_path, text, said):
    with pytest.raises(CubeError) as problem:
        declared(tmp_path, text)
    assert said in str(problem.value)
