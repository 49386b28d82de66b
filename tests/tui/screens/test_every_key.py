"""Each key of the table of actions, pressed on its screen, does its action and no other."""

import pytest

from vislab.engine.runs.ask import Asker
from vislab.tui.actions import SCREENS, for_screen
from vislab.tui.app import screen_class

KEYS = {"esc": "escape"}


@pytest.mark.parametrize("name", SCREENS)
def test_every_key_does_its_action(name, make_run, play, monkeypatch) -> None:
    first, second = make_run("first", predictions=[("a.png", "cat", "dog")] * 3), make_run("second")
    arguments = {"live": {"run": first}, "results": {"run": first}, "compare": {"runs": [first, second]}}
    monkeypatch.setattr(Asker, "ask", lambda *words, **more: None)  # the launch screen's questions need torch
    kind, done = screen_class(name), []
    for action in for_screen(name):
        monkeypatch.setattr(kind, f"action_{action.id}", lambda self, id=action.id: done.append(id))
    monkeypatch.setattr(kind, "check_action", lambda self, action, parameters: True)

    async def act(pilot) -> None:
        for action in for_screen(name):
            for key in action.keys:
                await pilot.press(KEYS.get(key, key))
                assert done == [action.id], key
                done.clear()

    play(name, act, **arguments.get(name, {}))
