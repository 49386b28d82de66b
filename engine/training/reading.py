"""A run's data: read, and what is remarkable about it said."""

from collections.abc import Sequence
from dataclasses import dataclass

from vislab.engine.cache import Cache
from vislab.engine.data.loading import Data, load_data
from vislab.engine.data.stored import Keeper
from vislab.engine.runs.reporter import Reporter
from vislab.engine.runs.store import Run
from vislab.engine.training.controls import Controls
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings
from vislab.presets.sizes import amount

_NAMED = 10  # images named in a notice


@dataclass(frozen=True)
class Reading:
    """Reads the data of one run.

    Args:
        force: go on with images that have changed since the run began.
        decided: what an earlier attempt has decided, which holds unless it is decided anew.
    """

    run: Run
    spec: Spec
    settings: Settings
    reporter: Reporter
    controls: Controls
    force: bool = False
    decided: frozenset[str] = frozenset()

    def __call__(self, *, fresh: bool) -> Data:
        """Load the data.

        Args:
            fresh: the run begins; what an earlier attempt wrote down of its data is forgotten.

        Raises:
            Interrupted: somebody asked.
            InputError: the user can mend what is wrong.
        """
        if fresh:
            for file in (self.run.split, self.run.data_manifest, self.run.unreadable):
                file.unlink(missing_ok=True)
        data = self.reporter.persist(
            lambda: load_data(
                self.spec,
                data_dir=self.settings.data_dir,
                split_file=self.run.split,
                code=self.run.code,
                progress=lambda done, total: self.reporter.progress("reading data", done=done, total=total),
                check=self.controls.check,
                downloading=lambda done, size: self.reporter.progress("downloading", done=done, total=size),
                manifest_file=self.run.data_manifest,
                unreadable_file=self.run.unreadable,
                force=self.force,
                cache=self._cache(),
                memory_budget=self.settings.memory_budget,
            )
        )
        if fresh:
            self.reporter.decide("data", data.fingerprint, "fingerprint of the data set")
            self._tell_place(data.keeper)
            self._tell_store_size(data)
            self._tell_unreadable(data)
            self._tell_copies(data)
            self._tell_duplicates(data)
        elif data.changed:
            self.reporter.notice(
                "warning",
                "data",
                f"{len(data.changed)} images have changed since the run began, and it was told to go on all the same: "
                f"figures before and after this point are not of the same images. {_some(data.changed)}",
            )
        return data

    def _cache(self) -> Cache | None:
        if self.settings.cache_budget == 0:
            return None
        return Cache.of(self.settings, lambda text: self.reporter.notice("warning", "cache", text))

    def _tell_place(self, keeper: Keeper) -> None:
        made = f"{keeper.decoded} images decoded in {keeper.seconds:.1f} s" if keeper.decoded else "nothing to decode"
        self.reporter.decide(
            "pixels",
            " and ".join(dict.fromkeys(keeper.places)),
            f"{made}; {amount(keeper.bytes)} of pixels, {amount(keeper.budget)} of memory for them",
            decoded=keeper.decoded,
            seconds=round(keeper.seconds, 3),
            bytes=keeper.bytes,
            memory_budget=keeper.budget,
        )
        if keeper.uncached:
            streamed = "streaming" in keeper.places
            then = "Images are decoded anew in each epoch." if streamed else "The next run has to decode them again."
            self.reporter.notice("warning", "cache", f"Decoded pixels are not kept. {keeper.uncached}. {then}")

    def _tell_copies(self, data: Data) -> None:
        wanted = self.spec.strategy.balance_to
        count = len(data.train) - len(data.split.train)
        if count or "copies" in self.decided:
            why = f"augmented copies among the training images, which fill classes up to balance_to = {wanted}"
            self.reporter.decide("copies", str(count), why, copies=count)
        larger = [name for name, count in zip(data.classes, data.counts["train"], strict=True) if count > wanted > 0]
        if larger:
            self.reporter.notice(
                "warning",
                "balance",
                f"strategy.balance_to = {wanted}: {len(larger)} of {len(data.classes)} classes have more training "
                f"images than that and keep them all, so classes still differ. {_some(larger)}",
            )

    def _tell_duplicates(self, data: Data) -> None:
        count = sum(data.duplicates.values())
        if count or "duplicates" in self.decided:
            why = "held-out images with the pixels of a training image"
            self.reporter.decide("duplicates", str(count), why, **data.duplicates)

    def _tell_unreadable(self, data: Data) -> None:
        if data.unreadable:
            named = _some([f"{error.name} ({error.reason})" for error in data.unreadable])
            listed = self.run.unreadable.relative_to(self.run.path)
            self.reporter.notice(
                "warning",
                "data",
                f"{len(data.unreadable)} images cannot be read and are left out; {listed} lists them all: {named}",
            )

    def _tell_store_size(self, data: Data) -> None:
        stored, wanted = data.train.pixels.shape[-1], self.spec.preprocessing.image_size
        if stored != wanted:
            self.reporter.notice(
                "info",
                "preprocessing",
                f"Training pixels are kept at {stored} x {stored} and cropped to {wanted}: random resized crops come "
                f"from these squares, not from the originals, so very small crops are softer than they could be.",
            )


def _some(names: Sequence[str]) -> str:
    listed = ", ".join(names[:_NAMED])
    return f"{listed} and {len(names) - _NAMED} more" if len(names) > _NAMED else listed
