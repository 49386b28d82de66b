"""Finds out about a selection: asks the resident job process, and keeps what is known while it still fits."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vislab.engine.runs.ask import Answer, Asker
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings
from vislab.tui import facts
from vislab.tui.facts import DeviceUser, Facts, Weights
from vislab.tui.hub import Hub, forbidden_by

if TYPE_CHECKING:
    from vislab.engine.runs.devices import Device  # it imports what asks the cards

DATA, MODELS, HUB = "data", "models", "hub"


class Inquiry:
    """What is known of the selection, as answers come in.

    Attributes:
        spec: the selection that is asked about; None before there is one.
        facts: what is known of it.
        weights: where its pretrained weights will come from.
    """

    def __init__(self, asker: Asker, settings: Settings, on_answer: Callable[[Answer], None]) -> None:
        """An inquiry about nothing yet.

        Args:
            on_answer: called in another thread; hands the answer to `take` in the thread that owns this.
        """
        self.spec: Spec | None = None
        self.facts = Facts()
        self.weights: Weights | None = None
        self._asker = asker
        self._settings = settings
        self._on_answer = on_answer
        self._hub = Hub(lambda: on_answer(Answer(HUB, {}, {})))

    def follow(self, spec: Spec) -> None:
        """Turn to another selection; what is known of its data is kept when they are the same."""
        same_data = self.spec is not None and self._data_request(self.spec) == self._data_request(spec)
        now = self.facts
        known = now if same_data else Facts(device=now.device, memory_free=now.memory_free, users=now.users)
        self.facts = replace(known, model=None, model_error="", searched=False, seconds_per_epoch=None)
        self.spec = spec
        self.weights = self._located(spec)

    def forget(self) -> None:
        """Find out everything anew."""
        self._asker.forget()
        self._hub.forget()
        self.spec, self.facts = None, Facts()

    def ask(self, *, model: bool) -> bool:
        """Ask what is not known.

        Args:
            model: about the model as well.

        Returns:
            Whether something was known at once.
        """
        known = self._put(DATA, self._data_request(self.spec) if self.spec is not None else None)
        return self._put(MODELS, self._model_request() if model else None) or known

    def look_at_hub(self) -> None:
        """Find out whether weights that are not here can be downloaded, where that matters and is not known."""
        if self.weights is not None and not self.weights.here and not self.weights.forbidden_by:
            self._hub.look()

    def take(self, answer: Answer) -> bool:
        """Take an answer in. Returns whether it is about the present selection."""
        if self.spec is None:
            return False
        if answer.topic == DATA and answer.request == self._data_request(self.spec):
            before = self._model_request()
            found = facts.data_facts(answer.result) if answer.result is not None else None
            self.facts = replace(self.facts, data=found, data_error=answer.error, data_unusable=answer.wrong_input)
            if self._model_request() != before:
                self._put(MODELS, self._model_request())
            return True
        if answer.topic == MODELS and answer.request == self._model_request():
            model = facts.model_facts(answer.result) if answer.result is not None else None
            self.facts = replace(self.facts, model=model, model_error=answer.error)
            return True
        if answer.topic == HUB:
            before_look, self.weights = self.weights, self._located(self.spec)
            return self.weights != before_look
        return False

    def has_seen(self, device: "Device | None", users: tuple[DeviceUser, ...]) -> bool:
        """Take in what was seen of the device, and which runs are on it. Returns whether it is new."""
        kind, free = (device.kind, device.memory_free) if device is not None else ("", 0)
        return self._know(replace(self.facts, device=kind, memory_free=free, users=users))

    def known_of(self, spec: Spec) -> tuple[Facts, Weights | None]:
        """What is known now of the data and the weights of another selection, without asking.

        Of images that are the present ones it is known how many there are of each class, and of each role where they
        are divided in the same way; and what is wrong with them.
        """
        weights = self._located(spec)
        if self.spec is None or self.spec.dataset != spec.dataset:
            return Facts(), weights
        now, data = self.facts, self.facts.data
        if data is not None and self._data_request(self.spec) != self._data_request(spec):
            data = replace(data, counts={"all": data.counts["all"]}, split="", split_error="", selected_on_test=False)
        return Facts(data=data, data_error=now.data_error, data_unusable=now.data_unusable), weights

    def measured(self, seconds_per_epoch: float | None) -> bool:
        """Take in that earlier runs were searched, and what was found. Returns whether it is new."""
        return self._know(replace(self.facts, searched=True, seconds_per_epoch=seconds_per_epoch))

    def _know(self, found: Facts) -> bool:
        changed, self.facts = found != self.facts, found
        return changed

    def _located(self, spec: Spec) -> Weights | None:
        weights = facts.pretrained_weights(spec, hub_cache=facts.hub_cache(), package=facts.has_weights_package())
        if weights is None or weights.here:
            return weights
        return replace(weights, forbidden_by=forbidden_by(), unreachable=self._hub.unreachable)

    @property
    def train_images(self) -> int:
        """Images of an epoch, with the copies that balance classes; 0 while they are not counted."""
        if self.spec is None or self.facts.data is None:
            return 0
        return self.facts.data.trained_on(self.spec.strategy.balance_to)

    def _data_request(self, spec: Spec) -> dict[str, Any] | None:
        return facts.data_request(spec, self._settings)

    def _model_request(self) -> dict[str, Any] | None:
        assert self.spec is not None
        return facts.model_request(self.spec, facts.classes_known(self.spec, self.facts), self.train_images)

    def _put(self, topic: str, request: dict[str, Any] | None) -> bool:
        if request is None:
            self._asker.cancel(topic)
            return False
        known = self._asker.ask(topic, topic, request, self._on_answer)
        return known is not None and self.take(known)
