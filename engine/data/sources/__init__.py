"""Where images come from: one file a kind, each with a function `source(root, *, options) -> Source`."""

from dataclasses import replace
from pathlib import Path

from vislab.engine.code import check_options, describe, load
from vislab.engine.data.source import Source, storable
from vislab.engine.data.sources.download import Listener, listening
from vislab.presets.errors import InputError
from vislab.presets.layers import exists
from vislab.presets.schema.dataset import Dataset


def open_dataset(
    dataset: Dataset, *, data_dir: Path, folder: Path | None = None, listener: Listener | None = None
) -> Source:
    """Call the data set's source function on its path, or on `data_dir`/name where it has none.

    Args:
        dataset: which function, path and options.
        data_dir: the data folder, where sets known by name are kept and downloaded to.
        folder: what a relative path and a relative file of the user's code start from; None: the working directory.
        listener: told of downloads as (file name, bytes done, bytes in all or 0); None: lines on stderr.

    Returns:
        What the function says, with `storable` names of the classes.

    Raises:
        InputError: no such path, function or option, two classes of one storable name, or whatever the source finds
            wrong with the data.
    """
    if dataset.path:
        root = (folder or Path.cwd()) / Path(dataset.path).expanduser()
        if not exists(str(root)):
            raise InputError(f"data set {dataset.name}: there is no {root}")
    else:
        root = data_dir / dataset.name
    check_options(f"data set {dataset.name}", dataset.options, describe(dataset.source, folder))
    function = load(dataset.source, folder)
    with listening(listener):
        source = function(root, **dataset.options)
    if not isinstance(source, Source):
        raise InputError(
            f"data set {dataset.name}: {dataset.source} returned a {type(source).__name__}, "
            "not a vislab.engine.data.source.Source"
        )
    if not source.classes or not len(source.images):
        raise InputError(f"data set {dataset.name}: {dataset.source} found no classes or no images in {root}")
    given: dict[str, str] = {}
    for name in source.classes:
        if given.setdefault(storable(name), name) != name:
            raise InputError(
                f"data set {dataset.name}: two classes are called {storable(name)}: the bytes of one name are no UTF-8 "
                f"and are written out like this, which is the name of the other. Rename one of them in {root}"
            )
    return replace(source, classes=tuple(map(storable, source.classes)))
