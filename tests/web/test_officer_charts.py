"""The plots: where a value stands, what is drawn broken, hollow or shaded, and that text stays text."""

from decimal import Decimal
from xml.etree import ElementTree

import pytest

from registry.web.charts import series
from registry.web.charts.scales import Days, value_scale
from registry.web.charts.series import DayLine, Given, Limit, Plot, Point, Run

SVG = "{http://www.w3.org/2000/svg}"


def plot(*, points, **facts):
    return ElementTree.fromstring(
        series.draw(
            Plot(
                **{
                    "name": "p",
                    "title": "Neutrophils",
                    "summary": "One sentence.",
                    "unit": "×10⁹/L",
                    "kind": "log",
                    "points": points,
                    "first_day": -2,
                    "last_day": 60,
                    **facts,
                }
            )
        )
    )


def point(day, value, **facts):
    return Point(day=day, value=Decimal(value), text=f"Day {day}", **facts)


def classes(drawn):
    return [element.get("class", "") for element in drawn.iter()]


def test_a_logarithmic_axis_gives_every_tenfold_the_same_room():
    scale = value_scale(kind="log", values=[Decimal("0.1"), Decimal(10)], bottom=300, top=0)

    steps = [scale.place(Decimal(text)) for text in ("0.1", "1", "10")]
    assert steps[0] - steps[1] == pytest.approx(steps[1] - steps[2], abs=0.2)


def test_a_count_of_zero_stands_on_the_floor_of_a_logarithmic_axis():
    scale = value_scale(kind="log", values=[Decimal(0), Decimal("0.4"), Decimal(2)], bottom=300, top=0)

    assert scale.place(Decimal(0)) == 300
    assert scale.place(Decimal("0.4")) < 300


@pytest.mark.parametrize("kind", ["log", "linear"])
@pytest.mark.parametrize("values", [["5"], ["0"], ["0", "0"], ["0.001", "400"], ["79.9", "80"]])
def test_every_value_lies_on_the_paper(kind, values):
    numbers = [Decimal(text) for text in values]
    scale = value_scale(kind=kind, values=numbers, bottom=300, top=0)

    assert all(0 <= scale.place(number) <= 300 for number in numbers)
    assert len(scale.ticks) >= 2


@pytest.mark.parametrize("last", [1, 10, 60, 400, 5500])
def test_no_more_than_eleven_ticks_stand_side_by_side_and_day_0_is_one(last):
    ticks = Days(-2, last, 0, 700).ticks

    assert 0 in ticks
    assert len(ticks) <= 11


@pytest.mark.parametrize(
    ("days", "side"),
    [
        ("0:3 10:0.2 20:0.3", "end"),  # nothing near the right end of the line
        ("0:3 10:0.2 45:1.1 58:1.3", "end"),  # a rise above it: the words stand below
        ("0:0.3 10:0.2 40:0.5 50:1.5 58:0.8", "start"),  # to and fro at the right: the words go to the left
    ],
)
def test_the_words_of_the_limit_lie_on_no_value(days, side):
    values = [(int(day), value) for day, value in (pair.split(":") for pair in days.split())]
    drawn = plot(
        points=[point(day, value) for day, value in values], limits=[Limit(Decimal(1), "1.0 ×10⁹/L")]
    )

    (words,) = [each for each in drawn.iter(f"{SVG}text") if each.get("class") == "plot__limit-words"]
    foot, width = float(words.get("y")), 20 * 6.9
    left = float(words.get("x")) - (width if words.get("text-anchor") == "end" else 0)
    assert words.get("text-anchor") == side
    for line in drawn.iter(f"{SVG}line"):
        if line.get("class") in ("plot__line", "plot__silence"):
            x1, y1, x2, y2 = (float(line.get(name)) for name in ("x1", "y1", "x2", "y2"))
            on_the_way = [(x1 + (x2 - x1) * step / 50, y1 + (y2 - y1) * step / 50) for step in range(51)]
            assert not [1 for x, y in on_the_way if left < x < left + width and foot - 12 < y < foot]


@pytest.mark.parametrize(("gap", "kind"), [(13, "plot__line"), (14, "plot__line"), (15, "plot__silence")])
def test_a_gap_of_more_than_14_days_is_drawn_broken(gap, kind):
    drawn = plot(points=[point(3, "0.4"), point(3 + gap, "0.6")])

    assert [name for name in classes(drawn) if name in ("plot__line", "plot__silence")] == [kind]


def test_lifted_and_below_values_are_hollow_and_evidence_is_marked():
    drawn = plot(
        points=[
            point(3, "0.4", is_used=True),
            point(9, "1.9", shape="lifted"),
            point(20, "0.1", shape="below"),
        ]
    )

    found = classes(drawn)
    assert any("plot__point--value plot__point--used" in name for name in found)
    assert any("plot__point--lifted" in name for name in found)
    assert any("plot__point--below" in name for name in found)


def test_the_plot_says_itself_in_title_description_limit_run_and_days():
    drawn = plot(
        points=[point(3, "0.4"), point(34, "0.6")],
        limits=[Limit(Decimal("1.0"), "1.0 ×10⁹/L")],
        runs=[Run(3, 34, "31 d")],
        day_lines=[DayLine(0, "day 0"), DayLine(50, "as of 20 Apr 2024")],
        given=[Given(14, "G-CSF, short-acting, 15 Mar 2024")],
    )

    assert drawn.find(f"{SVG}title").text == "Neutrophils"
    assert drawn.find(f"{SVG}desc").text == "One sentence."
    words = {text.text for text in drawn.iter(f"{SVG}text")}
    assert {"limit 1.0 ×10⁹/L", "31 d", "day 0", "as of 20 Apr 2024", "×10⁹/L (logarithmic)"} <= words
    assert "G-CSF, short-acting, 15 Mar 2024" in {title.text for title in drawn.iter(f"{SVG}title")}


def test_a_day_outside_the_paper_is_not_drawn():
    drawn = plot(points=[point(3, "0.4")], day_lines=[DayLine(90, "as of")], given=[Given(90, "late")])

    assert "plot__day" not in classes(drawn)
    # The legend alone still shows its mark.
    assert classes(drawn).count("plot__given") == 1


def test_no_text_becomes_markup_and_nothing_needs_an_inline_style():
    evil = "</title><script>alert(1)</script>"
    drawn = plot(
        points=[Point(day=3, value=Decimal(1), text=evil)],
        title=evil,
        summary=evil,
        unit=evil,
        limits=[Limit(Decimal(1), evil)],
        runs=[Run(0, 3, evil)],
        day_lines=[DayLine(0, evil)],
        given=[Given(2, evil)],
    )

    assert drawn.find(f"{SVG}title").text == evil
    assert not list(drawn.iter(f"{SVG}script"))
    assert all("style" not in element.attrib for element in drawn.iter())
