import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from ablate.report.text import safe_json, sentence, shorten, typeset, yaml_lines

from .samples import HOSTILE


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_embedded_json_says_the_same_and_cannot_leave_its_script(value: object) -> None:
    text = str(safe_json(value))
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)


def test_embedded_json_refuses_what_json_cannot_say() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        safe_json({"loss": float("nan")})


@pytest.mark.parametrize("name", HOSTILE)
def test_names_inside_a_sentence_are_escaped(name: str) -> None:
    text = sentence(f"{name} beats base by 0.02 (95 % CI -0.01 to 0.03, n=5).", [name, "base"], "base")
    assert f'<bdi class="name">{escape(shorten(name, 64))}</bdi>' in text
    assert '<bdi class="name is-baseline">base</bdi>' in text
    assert '<span class="aside">(95 % CI −0.01 to 0.03, n=5)</span>' in text
    assert "<script" not in text
    assert "<img" not in text


def test_a_name_is_not_found_inside_another_word() -> None:
    assert str(sentence("the baseline, not init=base", ["base"])) == "the baseline, not init=base"


def test_an_open_bracket_is_closed() -> None:
    assert str(sentence("half (a sentence", [])) == 'half <span class="aside">(a sentence</span>'


@pytest.mark.parametrize(
    ("text", "typeset_text"),
    [
        ("-0.1 to -.2", "−0.1 to −.2"),
        ("(-3)", "(−3)"),
        ("lr=-1 and t-2 and --seeds 0-9", "lr=-1 and t-2 and --seeds 0-9"),
    ],
)
def test_only_numbers_get_a_minus_sign(text: str, typeset_text: str) -> None:
    assert typeset(text) == typeset_text


def test_long_names_keep_both_ends() -> None:
    short = shorten("activation=" + "x" * 300 + "=last", 40)
    assert len(short) <= 40
    assert short.startswith("activation=")
    assert short.endswith("=last")


def test_the_grid_file_is_tinted_and_escaped() -> None:
    lines = yaml_lines("a.b: {x: \"<b>\"}  # why <i>\n  - name: 'no # comment'\n# </script>\nplain\n")
    assert [str(line) for line in lines] == [
        '<span class="key">a.b</span>: {x: &#34;&lt;b&gt;&#34;}  <span class="comment"># why &lt;i&gt;</span>',
        '  - <span class="key">name</span>: &#39;no # comment&#39;',
        '<span class="comment"># &lt;/script&gt;</span>',
        "plain",
    ]
