import re
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from vislab.tui.html import curves_svg
from vislab.tui.html.curves_svg import SvgCurve
from vislab.tui.views.compare import MARKERS

NAN = float("nan")
HOSTILE = "<script>alert(1)</script>\"'&]]>"


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def words(svg: str) -> str:
    return " ".join(parsed(svg).itertext())


def test_values_stand_beside_the_pointer() -> None:
    a = SvgCurve("cnn", [1, 2, 3], [0.5, 0.75, 0.9], "▪", 0, [0.4, 0.7, 0.9], [0.6, 0.8, 0.9])
    b = SvgCurve("transfer", [2, 3], [0.8, 0.95], "●", 1)
    svg = curves_svg.curves_svg([a, b], label="accuracy")
    said = words(svg)
    for part in ("epoch 2", "cnn 0.7500 (0.7000 to 0.8000)", "transfer 0.8000", "cnn 0.9000", "transfer 0.9500"):
        assert part in said
    assert svg.count('class="at"') == 3 and svg.count('class="band') == 1
    assert 'aria-label="accuracy"' in svg
    assert curves_svg.legend([a, b]).count("<li>") == 2


def test_the_best_has_a_star_where_it_is_drawn_and_its_words_in_the_legend() -> None:
    train, val = SvgCurve("train", [1, 2], [0.5, 0.4]), SvgCurve("val", [1, 2], [0.6, 0.7], "●", 1)
    star = "fill:var(--c3)"
    assert curves_svg.curves_svg([train, val], label="a", best=2.0).count(star) == 1
    for best in (None, 7.0):
        assert star not in curves_svg.curves_svg([train, val], label="a", best=best)
    assert star not in curves_svg.curves_svg([SvgCurve("val", [1.0], [NAN])], label="a", best=1.0)
    legend = parsed(curves_svg.legend([train, val], "best <epoch> 2"))
    assert len(legend) == 3 and "".join(legend[2].itertext()) == "best <epoch> 2"


def test_gaps_break_the_line_and_what_is_not_finite_has_no_value() -> None:
    curve = SvgCurve("a", [1, 2, 3, 4, 5], [0.5, 0.6, NAN, float("inf"), 0.7])
    svg = curves_svg.curves_svg([curve], label="a")
    (path,) = re.findall(r'class="line" d="([^"]*)"', svg)
    assert path.count("M") == 2 and "nan" not in svg.lower() and "inf" not in svg
    band = SvgCurve("b", [1, 2, 3, 4, 5], [0.5, 0.6, NAN, 0.7, 0.8], "▪", 0, [0.4, 0.5, 0.1, 0.6, 0.7], [0.9] * 5)
    assert curves_svg.curves_svg([band], label="b").count('class="band') == 2
    assert svg.count('class="at"') == 3
    for ys, said in (([NAN], "no figure that can be drawn"), ([], "no figures yet")):
        assert said in words(curves_svg.curves_svg([SvgCurve("a", [1.0][: len(ys)], ys)], label="a"))


def test_every_marker_is_another_shape() -> None:
    legends = [re.sub(r"k0", "", curves_svg.legend([SvgCurve("a", [], [], marker)])) for marker in MARKERS]
    assert len({*legends}) == len(MARKERS) == 24
    for legend in legends:
        parsed(legend)


def test_labels_with_exponents_have_room_beside_the_plot() -> None:
    def ends(value: float) -> list[tuple[float, str]]:
        svg = curves_svg.curves_svg([SvgCurve("a", [1, 2], [0.0, value])], label="a")
        found = re.findall(r'<text class="tick" x="([^"]*)" y="[^"]*" text-anchor="end">([^<]*)<', svg)
        return [(float(x), words) for x, words in found]

    assert {x for x, _ in ends(1.0)} == {curves_svg.LEFT - 6}
    for value in (5e31, 1e-5, -2.5e99):
        labels = ends(value)
        assert max(len(words) for _, words in labels) > 4
        assert all(x >= 9 * len(words) for x, words in labels), "nothing is cut at the left edge"


def test_hostile_names_are_text() -> None:
    curve = SvgCurve(HOSTILE, [1, 2], [0.5, 0.6])
    svg = curves_svg.curves_svg([curve], label=HOSTILE, x_label=HOSTILE)
    assert {element.tag for element in parsed(svg).iter()}.isdisjoint({"script"})
    assert HOSTILE in curves_svg.legend([curve]).replace("&lt;", "<").replace("&gt;", ">").replace(
        "&quot;", '"'
    ).replace("&#x27;", "'").replace("&amp;", "&")


def test_long_histories_stay_small() -> None:
    curves = [SvgCurve(f"run {i}", range(1, 3001), [1 / (x + i) for x in range(1, 3001)], slot=i) for i in range(5)]
    svg = curves_svg.curves_svg(curves, label="loss")
    assert svg.count('class="at"') <= curves_svg.MOST_COLUMNS + 2 and len(svg) < 900_000
    assert "epoch 1, " in svg and "epoch 3000, " in svg


def test_a_dense_curve_takes_no_value_from_a_sparse_one_and_the_best_and_the_last_stay() -> None:
    steps = [number / 700 for number in range(1, 2102)]
    train = SvgCurve("train", steps, [1 / (1 + x) for x in steps])
    sparse = SvgCurve("validation", [1.0, 2.0, 3.0], [0.5, 0.625, 0.5625], "●", 1)
    svg = curves_svg.curves_svg([train, sparse], label="loss")
    for value in ("0.5000", "0.6250", "0.5625"):
        assert f"● validation {value}" in svg
    assert f'aria-label="epoch {steps[-1]:g}, ' in svg
    assert 150 < svg.count('class="at"') <= curves_svg.MOST_COLUMNS + 4
    best = [0.5] * 1000
    best[776] = 0.75
    alone = curves_svg.curves_svg([SvgCurve("a", range(1, 1001), best)], label="accuracy")
    assert "epoch 777, ▪ a 0.7500" in alone and "epoch 1000, " in alone


def test_curves_stand_out_from_the_page(contrast) -> None:
    from vislab.tui.html_style import DARK, LIGHT

    for palette, ground in ((curves_svg.LIGHT, LIGHT["bg"]), (curves_svg.DARK, DARK["bg"])):
        for colour in palette:
            assert contrast(colour, ground) >= 4.5, colour


@given(
    st.lists(
        st.lists(st.tuples(st.integers(1, 50), st.floats(allow_nan=True, allow_infinity=True)), max_size=20), max_size=9
    )
)
def test_any_points_make_a_drawing_inside_its_box(points) -> None:
    curves = [
        SvgCurve(str(i), sorted({x for x, _ in row}), [dict(row)[x] for x in sorted({x for x, _ in row})], slot=i % 7)
        for i, row in enumerate(points)
    ]
    svg = curves_svg.curves_svg(curves, label="any")
    for element in parsed(svg).iter("{*}circle"):
        assert 0 <= float(element.get("cx")) <= curves_svg.WIDTH
        assert 0 <= float(element.get("cy")) <= curves_svg.HEIGHT
    assert "nan" not in svg.lower()


def test_few_points_are_reached_by_the_tab_key_and_say_their_values() -> None:
    few = curves_svg.curves_svg([SvgCurve("a <b>", [1.0, 2.0], [0.25, 0.5])], label="x")
    assert few.count('tabindex="0" role="img"') == 2 and 'aria-label="epoch 2, ▪ a &lt;b&gt; 0.5000"' in few
    xs = [float(x) for x in range(100)]
    assert 'tabindex="0"' not in curves_svg.curves_svg([SvgCurve("a", xs, xs)], label="x")
