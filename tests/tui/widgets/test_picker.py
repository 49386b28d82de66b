import asyncio
from collections.abc import Awaitable, Callable

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from vislab.presets import timm_index
from vislab.tui.widgets.picker import Choices, Item, Picker

FRUIT = [
    Item("", "fruit", heading=True),
    *(Item(name, name, note=str(len(name))) for name in ("apple", "banana", "cherry")),
]


class Chooser(App[None]):
    def __init__(self, items: list[Item]) -> None:
        super().__init__()
        self.picker = Picker("Things [bold]", items)
        self.moved: list[str] = []
        self.taken: list[str] = []

    def compose(self) -> ComposeResult:
        yield self.picker

    def on_choices_moved(self, event: Choices.Moved) -> None:
        self.moved.append(event.item.value)

    def on_choices_taken(self, event: Choices.Taken) -> None:
        self.taken.append(event.item.value)


def play(items: list[Item], act: Callable[[Chooser, Pilot[None]], Awaitable[None]], size=(40, 12)) -> None:
    async def go() -> None:
        app = Chooser(items)
        async with app.run_test(size=size) as pilot:
            app.picker.choices.focus()
            await pilot.pause()
            await act(app, pilot)

    asyncio.run(go())


def lines(app: Chooser) -> list[str]:
    return [app.picker.choices.render_line(y).text.rstrip() for y in range(app.picker.choices.size.height)]


def test_keys_move_over_headings_and_choose() -> None:
    async def act(app: Chooser, pilot: Pilot[None]) -> None:
        await pilot.press("home")
        assert app.picker.choices.current.value == "apple"
        await pilot.press("down", "down", "down", "up", "up", "up", "end", "home", "pagedown", "pageup", "enter")
        await pilot.pause()
        assert app.moved[-1] == "apple" and app.taken == ["apple"]
        assert set(app.moved) == {"apple", "banana", "cherry"}
        assert lines(app)[0] == "fruit" and lines(app)[1].startswith("▸ apple") and lines(app)[1].endswith("5")

    play(FRUIT, act)


def test_the_mouse_chooses_and_a_second_click_takes() -> None:
    async def act(app: Chooser, pilot: Pilot[None]) -> None:
        await pilot.click(Choices, offset=(3, 2))
        assert app.moved == ["banana"] and not app.taken
        await pilot.click(Choices, offset=(3, 3), times=2)
        await pilot.pause()
        assert app.moved == ["banana", "cherry"] and app.taken == ["cherry"]
        await pilot.click(Choices, offset=(3, 0))  # the heading
        await pilot.click(Choices, offset=(3, 8))  # nothing
        assert app.moved == ["banana", "cherry"]

    play(FRUIT, act)


def test_a_filter_finds_any_of_1371_models_at_once() -> None:
    names = timm_index.names()

    async def act(app: Chooser, pilot: Pilot[None]) -> None:
        app.picker.open_filter()
        await pilot.press(*"50 net")
        shown = [item.label for item in app.picker.choices.shown]
        assert shown and all("50" in name and "net" in name for name in shown) and len(shown) < len(names)
        assert not app.moved  # writing alone chooses nothing
        await pilot.press("down", "enter")
        await pilot.pause()
        assert app.taken == [shown[1]] and app.moved[-1] == shown[1]
        # The whole list is there again, with the cursor on what was found.
        assert len(app.picker.choices.shown) == len(names) and app.picker.choices.current.value == shown[1]
        assert app.picker.choices.has_focus

    play([Item(name, name) for name in names], act)


def test_a_filter_that_nothing_fits_and_one_that_is_left() -> None:
    async def act(app: Chooser, pilot: Pilot[None]) -> None:
        await pilot.press("end")
        app.picker.open_filter()
        await pilot.press(*"zzz", "enter", "down")
        await pilot.pause()
        assert not app.taken and lines(app)[0] == "nothing fits"
        app.picker.close_filter()
        assert len(app.picker.choices.shown) == 4 and app.picker.choices.current.value == "cherry"
        app.picker.open_filter()
        await pilot.press(*"ban", "tab", "enter")  # what the mark stands on is taken, not what was chosen before
        await pilot.pause()
        assert app.moved[-1] == "banana" and app.taken == ["banana"]

    play(FRUIT, act)


def test_where_nothing_fits_it_is_said_what_does_elsewhere() -> None:
    async def act(app: Chooser, pilot: Pilot[None]) -> None:
        choices = app.picker.choices
        app.picker.open_filter()
        await pilot.press(*"zzz")
        choices.tell_elsewhere("Vegetables has 4")
        assert lines(app)[0] == "nothing fits here; Vegetables has 4"
        await pilot.resize_terminal(24, 12)
        assert lines(app)[:3] == ["nothing fits here;", "Vegetables has 4", ""]
        await pilot.press("backspace")  # other words, of which nobody has told yet
        assert lines(app)[:2] == ["nothing fits", ""]
        assert [item.value for item in choices.fitting("an")] == ["banana"] and len(choices.fitting("")) == 3

    play(FRUIT, act)


def test_the_cursor_stays_on_its_item_when_the_offer_changes() -> None:
    async def act(app: Chooser, pilot: Pilot[None]) -> None:
        choices = app.picker.choices
        choices.point("banana")
        choices.offer([Item("new", "new"), *FRUIT])
        assert choices.current.value == "banana"
        choices.offer([Item("cherry", "cherry")])
        assert choices.current.value == "cherry" and not app.moved
        choices.offer([])
        await pilot.press("down", "up", "end", "home", "pagedown", "enter")
        assert choices.current is None and not app.moved and not app.taken

    play(FRUIT, act)


@pytest.mark.parametrize("size", [(40, 12), (12, 5), (4, 3), (1, 1)])
def test_any_size_and_any_name(size) -> None:
    hostile = ["[bold]x[/bold]", "界" * 100, "x" * 10_000, "", " "]

    async def act(app: Chooser, pilot: Pilot[None]) -> None:
        for _ in hostile:
            await pilot.press("down")
        width = app.picker.choices.scrollable_content_region.width
        assert all(len(strip.text) <= max(0, width) for strip in map(app.picker.choices.render_line, range(3)))

    play([Item(name, name, note="note") for name in hostile], act, size)


def test_the_border_says_what_lies_below_the_edge() -> None:
    items = [Item(str(place), str(place)) for place in range(20)]
    items += [Item("", "1,366 [b]more", heading=True, announced=True), *(Item(f"m{place}", "m") for place in range(3))]

    async def act(app: Chooser, pilot: Pilot[None]) -> None:
        said = []
        for keys in ((), ("end",), ("up",) * 10, ("home",)):
            await pilot.press(*keys)
            said.append(str(app.picker.border_subtitle or "").replace("\\", ""))
        assert said == ["… 1,366 [b]more", "", "… 2 more", "… 1,366 [b]more"]
        await pilot.resize_terminal(20, 6)
        assert app.picker.border_subtitle == "… 19 more"  # the longer words have no room
        app.picker.open_filter()
        await pilot.press("1")
        assert app.picker.border_subtitle == "… 8 more"
        await pilot.press("8")
        assert not app.picker.border_subtitle

    play(items, act)


def test_the_title_is_no_markup() -> None:
    async def act(app: Chooser, pilot: Pilot[None]) -> None:
        assert "[bold]" in str(app.picker.border_title)

    play(FRUIT, act)
