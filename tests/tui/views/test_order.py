"""Which runs a list shows, and in which order."""

from hypothesis import given
from hypothesis import strategies as st

from vislab.tui.packed import Packed
from vislab.tui.views.listed import QUANTITIES, Listed, ordered, quantity
from vislab.tui.views.listing import Listing
from vislab.tui.views.order import Order

NAMES = [f"run {number:02}" for number in range(40)]
ROWS = st.builds(
    lambda identity, name, size, epochs: Listed(
        folder="/runs", id=identity, status="done", name=name, size=size, epochs_done=epochs
    ),
    st.sampled_from(NAMES),
    st.text(max_size=2),
    st.none() | st.integers(0, 3),
    st.integers(0, 3),
)


def anew(known, wanted, by, *, descending):
    """The ids that `wanted` takes, sorted all at once."""
    newest_first = [name for name in sorted(known, reverse=True) if wanted(known[name])]
    return [newest_first[place] for place in ordered([known[name] for name in newest_first], by, descending=descending)]


@given(
    st.lists(st.tuples(ROWS, st.booleans()), max_size=30),
    st.sampled_from(["name", "size", "epochs", "id", "started"]),
    st.booleans(),
)
def test_runs_that_change_get_the_places_that_sorting_all_of_them_gives(news, by, descending):
    known = Listing()
    for identity in NAMES:
        known.put(Listed(folder="/runs", id=identity, status="done", name="m"))
    wanted = lambda listed: listed.epochs_done < 3  # noqa: E731
    order = Order(known)
    order.sort(quantity(by), descending=descending)
    order.want(wanted)
    for row, goes in news:
        if goes:
            known.drop(row.id)
        else:
            known.put(row)
        order.change([row.id])
        assert order.ids == anew(known, wanted, QUANTITIES[by], descending=descending)
    order.sort(QUANTITIES["name"], descending=not descending)
    assert order.ids == anew(known, wanted, QUANTITIES["name"], descending=not descending)


def test_a_run_that_changes_costs_no_look_at_the_others(monkeypatch):
    known, order = Listing(), None
    for number in range(5000):
        known.put(Listed(folder="/runs", id=f"run {number:04}", status="done", size=number % 100))
    order = Order(known)
    order.sort(QUANTITIES["size"], descending=True)
    order.want(lambda listed: True)
    made, row = [], Packed._row
    monkeypatch.setattr(Packed, "_row", lambda rows, place: made.append(place) or row(rows, place))
    known.put(known["run 2500"].sized(50))
    order.change(["run 2500"])
    assert len(made) < 40  # of those that two searches go through, one among all and one among those that are shown
    assert len(order.ids) == 5000 and order.ids.index("run 2500") == 49 * 50 + 25  # 51 to 99, and the newer ones of 50


def test_who_has_the_order_keeps_it():
    known = Listing()
    for identity in NAMES:
        known.put(Listed(folder="/runs", id=identity, status="done"))
    order = Order(known)
    order.want(lambda listed: True)
    before = order.ids
    known.drop(NAMES[3])
    order.change([NAMES[3]])
    assert before == NAMES[::-1] and len(order.ids) == 39


def test_choosing_looks_at_each_run_once(monkeypatch):
    known = Listing()
    for number in range(100):
        known.put(Listed(folder="/runs", id=f"run {number:02}", status="done", size=number % 7))
    order = Order(known)
    order.sort(QUANTITIES["size"], descending=False)
    made, row = [], Packed._row
    monkeypatch.setattr(Packed, "_row", lambda rows, place: made.append(place) or row(rows, place))
    order.want(lambda listed: listed.size < 3)
    assert sorted(made) == list(range(100))
    assert order.ids == anew(known, lambda listed: listed.size < 3, QUANTITIES["size"], descending=False)
