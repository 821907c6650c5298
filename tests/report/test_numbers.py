import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ablate.report import numbers
from ablate.report.student import cdf, critical


@pytest.mark.parametrize("level", [0.9, 0.95, 0.999])
@pytest.mark.parametrize("df", [1, 2, 3, 4, 5, 9, 30, 201])
def test_t_quantile_is_scipys(df: int, level: float) -> None:
    assert critical(df, level) == pytest.approx(stats.t.ppf(0.5 + level / 2, df), rel=1e-9)
    assert cdf(-1.3, df) == pytest.approx(stats.t.cdf(-1.3, df), rel=1e-9)


def test_t_quantile_needs_a_degree_of_freedom() -> None:
    with pytest.raises(ValueError, match="df=0"):
        critical(0, 0.95)


@pytest.mark.parametrize(
    ("values", "widths", "texts"),
    [
        ([1.52345, 1.498], [0.0093, 0.012], ["1.5234", "1.4980"]),
        ([-0.03067, 0.0], [0.008], ["−0.0307", "0.0000"]),
        ([1.25e-9, -3e-10], [2e-10], ["1.25×10⁻⁹", "−0.30×10⁻⁹"]),
        ([1.5e12], [2e11], ["1.50×10¹²"]),
        ([123456.0], [100.0], ["123,456"]),
        ([0.4], [], ["0.400"]),
        ([None, math.nan], [], ["–", "not finite"]),
    ],
)
def test_a_column_shows_the_digits_that_its_interval_supports(
    values: list[float | None], widths: list[float | None], texts: list[str]
) -> None:
    style = numbers.style_for(values, widths)
    assert [style.text(value) for value in values] == texts


def test_a_rounded_zero_has_no_sign() -> None:
    assert numbers.Style(2).text(-0.001, sign=True) == "0.00"
    assert numbers.Style(2).text(0.5, sign=True) == "+0.50"


@given(st.floats(-1e15, 1e15), st.floats(1e-12, 1e12))
@settings(deadline=None)
def test_the_text_is_the_number_within_its_last_digit(value: float, width: float) -> None:
    style = numbers.style_for([value], [width])
    mantissa, _, power = style.text(value).replace("−", "-").replace(",", "").partition("×")
    assert bool(power) == (style.exponent is not None)
    scale = 10.0 ** (style.exponent or 0)
    assert float(mantissa) * scale == pytest.approx(value, rel=1e-9, abs=0.51 * scale * 10.0**-style.decimals)


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (None, "–"),
        (math.nan, "–"),
        (0.00049, "<0.001"),
        (0.0005, "0.001"),
        (0.0432, "0.043"),
        (0.31, "0.31"),
        (1.0, "1.00"),
    ],
)
def test_p_values_are_never_a_bare_zero(p: float | None, text: str) -> None:
    assert numbers.p_value(p) == text


@pytest.mark.parametrize(
    ("count", "text"), [(None, "–"), (7, "7"), (999, "999"), (812_544, "813 k"), (999_999, "1.00 M")]
)
def test_counts_are_short(count: float | None, text: str) -> None:
    assert numbers.si(count).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.44, "0.4 s"), (59.6, "60 s"), (200.0, "3 min 20 s"), (7500.0, "2 h 5 min")]
)
def test_durations_are_readable(value: float, text: str) -> None:
    assert numbers.seconds(value) == text


def test_published_values_share_their_decimals() -> None:
    style = numbers.given([0.7, 0.887, None])
    assert [style.text(value) for value in (0.7, 0.887, None)] == ["0.700", "0.887", "–"]


@pytest.mark.parametrize(
    ("value", "short"), [(1.23456789, 1.2346), (math.inf, None), (math.nan, None), (3.0, 3), (None, None)]
)
def test_embedded_numbers_are_short_and_finite(value: float | None, short: float | None) -> None:
    assert numbers.rounded(value) == short
