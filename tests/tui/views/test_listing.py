"""What a list knows of its runs."""

from hypothesis import given
from hypothesis import strategies as st

from vislab.tui.views.listed import Listed
from vislab.tui.views.listing import Listing

STATUSES = (
    "new",
    "queued",
    "starting",
    "training",
    "paused",
    "full disk",
    "done",
    "stopped",
    "failed",
    "died",
    "damaged",
)


def row(identity, status="done", **values):
    return Listed(folder="/runs", id=identity, status=status, **values)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.none() | st.sampled_from(STATUSES)), max_size=400))
def test_a_listing_is_a_mapping_of_what_came_last(news):
    listing, expected = Listing(), {}
    for number, (identity, status) in enumerate(news):
        if status is None:
            listing.drop(identity)
            expected.pop(identity, None)
        else:
            expected[identity] = row(identity, status, seed=number)
            listing.put(expected[identity])
    assert dict(listing) == expected and list(listing) == list(expected) and len(listing) == len(expected)
    assert all(listing.readable(name) is found.readable for name, found in expected.items())
    assert all(listing.live(name) is found.live for name, found in expected.items())
    ended = ("done", "stopped", "failed", "died")
    assert listing.unsettled == {name: found.status for name, found in expected.items() if found.status not in ended}
    assert listing.get("x") is None and not listing.live("x")


def test_what_is_out_of_date_is_not_kept_for_ever():
    listing = Listing()
    for number in range(20_000):
        listing.put(row(f"run {number % 3}", seed=number))
    assert [listing[f"run {number}"].seed for number in range(3)] == [19_998, 19_999, 19_997]
    packed, _ = listing._kept
    assert len(packed) < 200


def test_picked_runs_stay_as_they_were_when_they_were_picked():
    listing = Listing()
    for name in "abc":
        listing.put(row(name, "training", seed=1))
    picked = listing.picked(["c", "a"])
    listing.drop("c")
    for seed in range(2, 500):  # until all is packed anew
        listing.put(row("a", seed=seed))
    assert picked.ids == ("c", "a") and [(one.id, one.seed, one.status) for one in picked] == [
        ("c", 1, "training"),
        ("a", 1, "training"),
    ]
    assert len(picked) == 2 and picked[-1].id == "a" and [one.id for one in picked[:1]] == ["c"]
    assert listing["a"].seed == 499 and not listing.picked()


def test_outlines_of_picked_runs_are_those_of_their_rows():
    listing = Listing()
    listing.put(row("a", "failed", reason="out of memory", created=1.7e9, own_id=True))
    for number in range(500):  # all is packed anew meanwhile
        listing.put(row("b", seed=number, created=1.6e9, tags=("x",), selected_on_test=True))
    listing.put(row("c", "damaged", reason="no spec"))
    picked = listing.picked("cab")
    outlines, kinds = picked.outlines()
    assert [outlines[kind] for kind in kinds] == [
        (2, False, False, 0, 0),
        (2, False, False, 2023, 1),
        (1, True, True, 2020, 0),
    ]
    assert len(outlines) == 3, "one for those alike"
