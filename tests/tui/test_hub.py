import socket
import sys
import threading
import urllib.request
from types import SimpleNamespace

import pytest

from vislab.tui import hub
from vislab.tui.hub import PATIENCE, REMEMBERED, Hub, forbidden_by
from vislab.tui.hub import unreachable_host as ask  # in place of which tests have an answer that needs no network

NOBODY = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 9))
IPV6 = (socket.AF_INET6, socket.SOCK_STREAM, 0, "", ("::1", 9, 0, 0))


class Network:
    """Takes the place of names and sockets."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.ways: list[tuple] = [IPV6, NOBODY]
        self.answering: set[socket.AddressFamily] = set()

    def names(self, host: str, port: int, *, type: int) -> list[tuple]:
        self.asked.append((host, port))
        if not self.ways:
            raise socket.gaierror(-2, "Name or service not known")
        return self.ways

    def connects(self, family: socket.AddressFamily, *way: object) -> bool:
        return family in self.answering


@pytest.fixture
def network(monkeypatch) -> Network:
    made = Network()
    monkeypatch.setattr(socket, "getaddrinfo", made.names)
    monkeypatch.setattr(hub, "_connects", made.connects)
    monkeypatch.setattr(sys, "platform", "linux")
    return made


def test_a_host_that_answers_by_any_kind_of_address_is_reached(network) -> None:
    for answering in ({socket.AF_INET}, {socket.AF_INET6}):
        network.answering = answering
        assert ask({}) == ""
    network.answering = set()
    assert ask({}) == "huggingface.co"
    network.ways = []
    assert ask({}) == "huggingface.co"
    assert set(network.asked) == {("huggingface.co", 443)}


@pytest.mark.parametrize(
    ("endpoint", "asked"),
    [
        ("https://mirror.example/hub", ("mirror.example", 443)),
        ("http://mirror.example", ("mirror.example", 80)),
        ("http://[::1]:8080", ("::1", 8080)),
    ],
)
def test_a_mirror_is_asked_in_place_of_the_hub(network, endpoint, asked) -> None:
    assert ask({"HF_ENDPOINT": endpoint}) == asked[0] and network.asked == [asked]


@pytest.mark.parametrize("endpoint", ["mirror.example", "https://", "https://x:port", "https://[::1", "ftp://x"])
def test_of_an_address_that_is_none_nothing_is_said(network, endpoint) -> None:
    assert ask({"HF_ENDPOINT": endpoint}) == "" and not network.asked


@pytest.mark.parametrize("name", ["https_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_behind_a_proxy_nothing_is_guessed(network, name) -> None:
    assert ask({name: "http://proxy.example:3128"}) == "" and not network.asked
    assert ask({name: "", "no_proxy": "*"}) == "huggingface.co"


def test_a_mac_is_asked_for_the_proxies_of_its_system(network, monkeypatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(urllib.request, "getproxies", dict)
    assert ask({}) == "huggingface.co"
    monkeypatch.setattr(urllib.request, "getproxies", lambda: {"https": "http://proxy.example:3128"})
    network.asked.clear()
    assert ask({}) == "" and not network.asked


def test_a_name_that_is_looked_up_for_ever_is_not_waited_for(network, monkeypatch) -> None:
    waited: list[float | None] = []
    ends = threading.Event()

    class Thread(threading.Thread):
        def join(self, timeout: float | None = None) -> None:
            waited.append(timeout)

    monkeypatch.setattr(socket, "getaddrinfo", lambda *words, **more: ends.wait(60) and [])
    monkeypatch.setattr(hub, "threading", SimpleNamespace(Thread=Thread))
    assert ask({}) == "huggingface.co" and waited == [PATIENCE]
    ends.set()


def test_a_socket_that_nobody_listens_at_does_not_connect() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        way = (*NOBODY[:4], server.getsockname())
        assert not hub._connects(*way)
        server.listen()
        assert hub._connects(*way)


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, ""),
        ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE"),
        ({"HF_HUB_OFFLINE": "true"}, "HF_HUB_OFFLINE"),
        ({"HF_HUB_OFFLINE": "0"}, ""),
        ({"HF_HUB_OFFLINE": "0", "TRANSFORMERS_OFFLINE": "1"}, ""),
        ({"TRANSFORMERS_OFFLINE": "yes"}, "TRANSFORMERS_OFFLINE"),
    ],
)
def test_downloads_are_forbidden_as_the_hubs_library_reads_it(environment, name) -> None:
    assert forbidden_by(environment) == name


class Looks:
    """A hub that is looked at when the test says so."""

    def __init__(self, monkeypatch) -> None:
        self.now, self.answer, self.changes = 100.0, "huggingface.co", 0
        self.begun: list[threading.Thread] = []
        begun = self.begun

        class Thread(threading.Thread):
            def start(self) -> None:
                begun.append(self)

        monkeypatch.setattr(hub, "unreachable_host", lambda: self.answer)
        monkeypatch.setattr(hub, "threading", SimpleNamespace(Thread=Thread))
        self.hub = Hub(self.changed, lambda: self.now)

    def changed(self) -> None:
        self.changes += 1

    def looks(self) -> bool:
        """Ask for a look; whether one began. It is done at once."""
        self.hub.look()
        begun = bool(self.begun)
        while self.begun:
            self.begun.pop().run()
        return begun


@pytest.fixture
def looks(monkeypatch) -> Looks:
    return Looks(monkeypatch)


def test_what_was_found_is_told_when_it_changes_and_remembered_for_a_minute(looks) -> None:
    assert looks.hub.unreachable == "" and looks.looks()
    assert looks.hub.unreachable == "huggingface.co" and looks.changes == 1
    assert not looks.looks()
    looks.now += REMEMBERED
    assert looks.looks() and looks.changes == 1
    looks.answer = ""
    looks.hub.forget()
    assert looks.looks() and looks.hub.unreachable == "" and looks.changes == 2


def test_one_look_at_a_time_in_a_thread_that_does_not_keep_the_program(looks) -> None:
    looks.hub.look()
    looks.hub.look()
    assert [thread.daemon for thread in looks.begun] == [True] and looks.hub.unreachable == ""
