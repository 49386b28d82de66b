"""From choices to a spec: layers, origins, replacements, and every mistake in one message."""

import math
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from vislab.presets import keys
from vislab.presets.errors import InputError
from vislab.presets.library import ResolveError, dump_spec, load_spec, resolve, save_spec
from vislab.presets.schema.spec import Spec
from vislab.presets.shelves import packages

OWN_NETWORK = '''"""A network."""


def build(num_classes, *, width=64, wide=False):
    """A network of one's own.

    More.
    """
'''


def write(file: Path, text: str) -> Path:
    """Write a file and the folders above it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def problems(**request) -> tuple[str, ...]:
    with pytest.raises(ResolveError) as caught:
        resolve(**request)
    return caught.value.problems


class TestLayers:
    def test_each_value_tells_where_it_came_from(self) -> None:
        spec = resolve(recipe="digits-lenet5", sets=["strategy.epochs=3"], name="first")
        assert (spec.name, spec.recipe, spec.strategy.epochs) == ("first", "digits-lenet5", 3)
        assert spec.origins["strategy.epochs"] == spec.origins["name"] == "command line"
        assert spec.origins["strategy.split"] == "recipe digits-lenet5: ours"
        assert spec.origins["strategy.schedule"] == "strategy preset scratch (built-in)"
        assert spec.origins["dataset.source"] == "data set preset digits (built-in)"
        assert spec.origins["strategy.folds"] == "schema default"
        assert "origins" not in spec.origins

    def test_the_later_layer_wins(self, user: Path) -> None:
        strategy = "presets/strategies/scratch.toml"
        write(user / strategy, "epochs = 41\nbatch_size = 41\nlearning_rate = 0.41\n")
        write(Path("vislab.toml"), "[defaults]\nstrategy.batch_size = 44\nseed = 44\ndevice = 'cpu'\n")
        write(Path("vislab-presets/strategies/scratch.toml"), "learning_rate = 0.42\n")
        write(user / "config.toml", "[defaults]\nseed = 43\nprecision = 'bf16'\n")
        spec = resolve(dataset="digits", architecture="lenet5", sets=["device=cuda:1"])
        assert (spec.strategy.epochs, spec.strategy.learning_rate, spec.strategy.batch_size) == (41, 0.42, 44)
        assert (spec.seed, spec.precision, spec.device) == (44, "bf16", "cuda:1")
        assert spec.strategy.schedule == "cosine"
        assert spec.origins["strategy.epochs"] == f"strategy preset scratch ({user / strategy})"
        assert spec.origins["strategy.batch_size"] == spec.origins["seed"] == str(Path("vislab.toml").absolute())
        assert spec.origins["precision"] == str(user / "config.toml")

    def test_a_recipe_wins_over_presets_and_loses_to_settings(self) -> None:
        write(Path("vislab.toml"), "[defaults]\nstrategy.batch_size = 7\n")
        strategy = resolve(recipe="digits-lenet5").strategy
        assert (strategy.epochs, strategy.batch_size) == (20, 7)

    def test_names_in_settings_choose_only_where_nothing_else_does(self) -> None:
        write(Path("vislab.toml"), "[defaults]\ndataset.name = 'digits'\narchitecture.name = 'lenet5'\n")
        assert resolve().name == "digits-lenet5-scratch"
        assert resolve(recipe="digits-mlp").architecture.name == "mlp"
        assert "needs images" in problems(recipe="study-a-mlp")[0]

    def test_the_users_recipe_overrides_single_values_of_ours(self, user: Path) -> None:
        file = write(user / "presets/recipes/digits-lenet5.toml", "[ours]\nstrategy.epochs = 5\n")
        spec = resolve(recipe="digits-lenet5")
        assert (spec.strategy.epochs, spec.strategy.split) == (5, "80/20")
        assert spec.origins["strategy.epochs"] == f"recipe digits-lenet5: ours ({file})"

    def test_an_installed_package_offers_presets(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(tmp_path / "lib/theirs/__init__.py", "raise RuntimeError('never imported')\n")
        write(tmp_path / "lib/theirs/strategies/theirs.toml", "epochs = 77\n")
        metadata = "lib/theirs-1.dist-info"
        write(tmp_path / metadata / "METADATA", "Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
        write(tmp_path / metadata / "entry_points.txt", "[vislab.presets]\ntheirs = theirs\n")
        monkeypatch.syspath_prepend(str(tmp_path / "lib"))
        packages.cache_clear()
        try:
            assert resolve(dataset="digits", architecture="mlp", strategy="theirs").strategy.epochs == 77
        finally:
            packages.cache_clear()

    def test_packages_that_offer_nothing_are_not_read(self) -> None:
        check = "import sys; from vislab.presets.shelves import packages; assert packages() == ();"
        check += "assert not {'importlib.metadata', 'difflib'} & sys.modules.keys()"
        assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0

    def test_pretrained_weights_bring_their_preprocessing(self) -> None:
        spec = resolve(dataset="digits", architecture="efficientnet_lite0", strategy="transfer")
        assert spec.preprocessing.image_size == 224
        assert spec.preprocessing.mean == spec.preprocessing.std == (0.5, 0.5, 0.5)
        assert spec.preprocessing.channels == 3
        assert spec.origins["preprocessing.mean"] == "pretrained weights of tf_efficientnet_lite0"
        assert spec.origins["preprocessing.resize"] == "data set preset digits (built-in)"
        own = resolve(
            dataset="digits", architecture="resnet18", strategy="finetune", sets=["preprocessing.image_size=64"]
        )
        assert own.preprocessing.image_size == 64
        assert own.preprocessing.mean == (0.485, 0.456, 0.406)

    def test_without_pretrained_weights_the_data_set_decides(self) -> None:
        assert resolve(dataset="digits", architecture="lenet5").preprocessing.image_size == 28

    def test_any_timm_model_is_an_architecture(self) -> None:
        spec = resolve(dataset="digits", architecture="resnet26d", strategy="scratch")
        assert spec.architecture.options == {"model": "resnet26d"}
        assert spec.architecture.parameters > 10**7
        assert spec.name == "digits-resnet26d-scratch"

    def test_options_are_merged_one_by_one(self) -> None:
        write(Path("vislab-presets/architectures/narrow.toml"), 'build = "./mine.py:build"\noptions = { width = 8 }\n')
        write(Path("vislab.toml"), "")
        file = write(Path("vislab-presets/architectures/mine.py"), OWN_NETWORK)
        spec = resolve(dataset="digits", architecture="narrow", sets=["architecture.options.wide=true"])
        assert spec.architecture.options == {"width": 8, "wide": True}
        assert spec.architecture.build == f"{file.absolute()}:build"
        assert spec.origins["architecture.options.wide"] == "command line"


class TestChoices:
    def test_a_file_of_ones_own(self) -> None:
        file = write(Path("code/mine.py"), OWN_NETWORK)
        spec = resolve(dataset="digits", architecture="code/mine.py:build", sets=["architecture.options.width=3"])
        assert spec.architecture.name == "mine"
        assert spec.architecture.build == f"{file.absolute()}:build"
        assert spec.origins["architecture.build"] == "command line"

    def test_mistakes_about_it_are_found_without_importing_it(self) -> None:
        write(Path("mine.py"), OWN_NETWORK + "\nraise RuntimeError\n")
        (unknown,) = problems(dataset="digits", architecture="mine.py:build", sets=["architecture.options.widht=3"])
        assert "widht" in unknown and "width" in unknown
        (kind,) = problems(dataset="digits", architecture="mine.py:build", sets=["architecture.options.width=wide"])
        assert "must be a whole number" in kind
        (function,) = problems(dataset="digits", architecture="mine.py:bild")
        assert "did you mean 'build'" in function
        (missing,) = problems(dataset="digits", architecture="yours.py:build")
        assert "there is no file" in missing

    def test_a_folder_of_images(self, photos: Path) -> None:
        for spec in (resolve(dataset=str(photos), architecture="mlp"), resolve(data=str(photos), architecture="mlp")):
            assert (spec.dataset.name, spec.dataset.path) == ("photos", str(photos))
            assert spec.dataset.source == "vislab.engine.data.sources.folder:source"

    def test_data_points_a_data_set_elsewhere(self, photos: Path) -> None:
        idx = photos.parent / "idx"
        idx.mkdir()
        (idx / "train-images-idx3-ubyte").touch()
        spec = resolve(recipe="study-e-lenet5", data=str(idx))
        assert (spec.dataset.name, spec.dataset.path) == ("mnist", str(idx))
        (nothing,) = problems(recipe="study-e-lenet5", data="../nothing")
        assert "no file or folder" in nothing

    @pytest.mark.parametrize("recipe", ["study-e-lenet5", "study-e-alexnet"])
    def test_a_folder_of_pictures_stands_in_for_a_published_set_of_other_files(self, recipe: str, photos: Path) -> None:
        spec = resolve(recipe=recipe, data="../photos")
        assert (spec.dataset.name, spec.dataset.path) == ("photos", str(photos))
        assert spec.dataset.source == "vislab.engine.data.sources.folder:source"
        assert spec.strategy.batch_size == 64

    def test_images_of_ones_own_stand_in_for_the_digits_which_read_no_path(self, photos: Path) -> None:
        table = write(photos.parent / "photos.csv", "path,label\n")
        idx = photos.parent / "idx"
        write(idx / "train-images-idx3-ubyte", "")
        for path, source in ((photos, "folder"), (table, "table"), (idx, "idx")):
            spec = resolve(recipe="digits-lenet5", data=str(path))
            assert (spec.dataset.path, spec.dataset.source) == (
                str(path),
                f"vislab.engine.data.sources.{source}:source",
            )
            assert spec.dataset.images == 0
        spec = resolve(like=resolve(recipe="digits-lenet5"), data=str(photos))
        assert (spec.dataset.name, spec.dataset.path) == ("photos", str(photos))
        assert spec.strategy.epochs == 20
        assert spec.origins["dataset.path"] == "command line"

    def test_what_holds_no_images_is_not_ignored_for_the_digits(self) -> None:
        Path("empty").mkdir()
        (empty,) = problems(recipe="digits-lenet5", data="empty")
        assert "the set digits itself reads no path" in empty
        assert "empty holds no images" in empty
        (path,) = problems(recipe="digits-lenet5", sets=["dataset.path=empty"])
        assert "dataset.path" in path
        assert "the set digits reads no path" in path

    def test_what_the_command_line_chooses_replaces_the_recipes_section(self) -> None:
        spec = resolve(recipe="study-e-alexnet", architecture="lenet5", strategy="scratch")
        assert spec.architecture.options == {}
        assert spec.strategy.weight_decay == 0.0
        transfer = resolve(recipe="study-e-alexnet", architecture="resnet18", strategy="transfer")
        assert transfer.strategy.optimizer == "adamw"
        assert transfer.strategy.freeze == "backbone"
        assert transfer.dataset.name == "cifar10"

    def test_set_chooses_as_well(self) -> None:
        spec = resolve(sets=["dataset.name=digits", "architecture.name=lenet5"])
        assert spec.dataset.source.endswith("digits:source")
        assert "give one of them" in problems(dataset="digits", sets=["dataset.name=mnist"], architecture="mlp")[0]


class TestStartingFromARun:
    def test_nothing_changes_but_the_origins(self) -> None:
        spec = resolve(recipe="digits-lenet5", sets=["seed=4"])
        again = resolve(like=spec)
        assert msgspec.structs.replace(again, origins={}) == msgspec.structs.replace(spec, origins={})
        assert again.origins["seed"] == "command line (like digits-lenet5)"
        assert resolve(like=again).origins["seed"] == "command line (like digits-lenet5)"

    def test_presets_that_are_gone_are_not_missed(self, user: Path) -> None:
        file = write(user / "presets/strategies/mine.toml", "epochs = 9\n")
        spec = resolve(dataset="digits", architecture="lenet5", strategy="mine")
        file.unlink()
        assert resolve(like=spec, sets=["seed=1"]).strategy == spec.strategy

    def test_another_architecture_brings_its_own_preprocessing(self) -> None:
        spec = resolve(dataset="digits", architecture="deit_small", sets=["preprocessing.mean=[0.2]"])
        assert (spec.preprocessing.image_size, spec.name) == (224, "digits-deit_small-scratch")
        again = resolve(like=spec, architecture="lenet5")
        assert again.name == "digits-lenet5-scratch"
        assert again.architecture.options == {}
        assert again.preprocessing.mean == (0.2,)

    def test_switching_to_pretrained_weights_brings_theirs(self) -> None:
        spec = resolve(dataset="digits", architecture="resnet18", sets=["preprocessing.image_size=32"])
        again = resolve(like=spec, strategy="transfer")
        assert again.preprocessing.channels == 3
        assert again.preprocessing.mean == (0.485, 0.456, 0.406)
        assert again.preprocessing.image_size == 32

    def test_weights_that_an_earlier_run_left_alone_stop_no_other_run_like_it(self) -> None:
        Path("own.pth").touch()
        spec = resolve(recipe="digits-lenet5", sets=["strategy.pretrained=true", "architecture.weights=own.pth"])
        strategy = msgspec.structs.replace(spec.strategy, pretrained=False)
        earlier = msgspec.structs.replace(spec, strategy=strategy)
        assert resolve(like=earlier).architecture.weights == str(Path("own.pth").absolute())
        (ignored,) = problems(like=spec, sets=["strategy.pretrained=false"])
        assert "own.pth" in ignored
        assert "would not be loaded" in ignored

    def test_a_spec_file_in_part_or_whole(self) -> None:
        write(Path("part.toml"), "seed = 5\n[dataset]\nname = 'digits'\n[architecture]\nname = 'lenet5'\n")
        spec = resolve(spec_file=Path("part.toml"), sets=["strategy.epochs=2"])
        assert (spec.seed, spec.strategy.epochs, spec.origins["seed"]) == (5, 2, f"spec {Path('part.toml').absolute()}")
        save_spec(spec, Path("whole.toml"))
        whole = resolve(spec_file=Path("whole.toml"))
        assert msgspec.structs.replace(whole, origins={}) == msgspec.structs.replace(spec, origins={})
        assert "from several" in problems(recipe="digits-mlp", spec_file=Path("whole.toml"))[0]
        assert "there is no file" in problems(spec_file=Path("nothing.toml"))[0]


class TestMistakes:
    def test_all_of_them_stand_in_one_message(self, user: Path) -> None:
        write(user / "presets/strategies/scratch.toml", "epoch = 3\n")
        write(Path("vislab.toml"), "[defaults]\nseed = 'x'\n")
        sets = ["strategy.lerning_rate=1", "strategy.epochs=-1", "preprocessing.resize=strech", "strategy.split=80/30"]
        with pytest.raises(ResolveError) as caught:
            resolve(dataset="digts", architecture="lenet5", sets=sets)
        text = str(caught.value)
        assert text.startswith("7 problems:\n")
        for part in (
            "scratch.toml): strategy.epoch: there is no such key; did you mean 'strategy.epochs'?",
            "vislab.toml: seed = 'x': must be a whole number >= 0",
            "command line: strategy.lerning_rate: there is no such key; did you mean 'strategy.learning_rate'?",
            "command line: strategy.epochs = -1: must be a whole number >= 1",
            "preprocessing.resize = 'strech': must be stretch, crop or pad; did you mean 'stretch'?",
            "strategy.split = '80/30': sums to 110 %",
            "there is no data set of this name; did you mean 'digits'?",
        ):
            assert part in text
        assert all(problem in text for problem in caught.value.problems)

    @pytest.mark.parametrize(
        ("sets", "message"),
        [
            (["strategy.optimizer=adamm"], "did you mean 'adam"),
            (["strategy.optimizer=bnbadam"], "needs bitsandbytes"),
            (["strategy.minimum_learning_rate=1"], "is above strategy.learning_rate = 0.003"),
            (["strategy.warmup_epochs=20"], "must be below strategy.epochs = 20"),
            (["strategy.folds=3", "strategy.fold=4"], "is above strategy.folds = 3"),
            (["strategy.folds=1"], "must be 2 or more"),
            (["strategy.fold=2"], "does nothing without strategy.folds"),
            (["strategy.freeze=backbone"], "strategy.pretrained=true or strategy.freeze=none"),
            (["strategy.freeze=gradual"], "random weights"),
            (["strategy.pretrained=true"], "no weights are known for lenet5"),
            (["strategy.split=none", "strategy.validation=test"], "there are no test images"),
            (["strategy.split=none", "strategy.patience=3"], "nothing is validated"),
            (["strategy.split=100"], "percentages such as 80/20"),
            (["strategy.split=100/0"], "more than 0 %"),
            (["strategy.loss=cross_entropi"], "did you mean 'cross_entropy'"),
            (["strategy.loss=binary_cross_entropy", "strategy.label_smoothing=0.1"], "goes with cross_entropy"),
            (["strategy.augment=flip("], "unknown augmentation 'flip'"),
            (["strategy.augment=horizontal_flip,rotation(degree=3)"], "did you mean 'degrees'"),
            (["strategy.augment=random_crop(padding=0)"], "must be from 1 to 1024"),
            (["strategy.balance_augment=[]", "strategy.balance_to=9"], "strategy.balance_to needs augmentations"),
            (["strategy.accumulate=65"], "more than strategy.batch_size = 64"),
            (["preprocessing.mean=[0.5, 0.5]"], "has 2 values where preprocessing.channels = 1"),
            (["preprocessing.channels=2"], "must be 1 or 3"),
            (["device=cudda"], "did you mean 'cuda'"),
            (["strategy.learning_rate=inf"], "must be a finite number"),
            (["strategy.learning_rate=nan"], "must be a number > 0"),
            (["strategy.pretrained=yes"], "must be true or false"),
            (["strategy.epochs=2.5"], "must be a whole number >= 1"),
            (["strategy.epochs"], "write KEY=VALUE"),
            (["epochs=3"], "did you mean 'strategy.epochs'?"),
            (["strategy=transfer"], "there is no such key"),
            (["recipe=digits-mlp"], "chosen by --preset"),
            (["architecture.options.width=3"], "command line: architecture.options.width = 3: unknown option 'width'"),
            (["architecture.options.padding=a"], "architecture.options.padding = 'a': padding = 'a' must be a whole"),
            (["dataset.options.width=3"], "command line: dataset.options.width = 3: unknown option 'width'"),
            (
                ["architecture.head_options.width=3"],
                "command line: architecture.head_options.width = 3: no head takes it",
            ),
            (
                ["strategy.optimizer_options.foo=1"],
                "strategy.optimizer_options.foo = 1: adamw has no such option; options: betas",
            ),
            (["strategy.optimizer=sgd", "strategy.optimizer_options.nestrov=true"], "did you mean 'nesterov'"),
            (["strategy.drop_path=0.3"], "lenet:build does not take it; set strategy.drop_path=0"),
            (["strategy.bogus=1"], "there is no such key; keys are: strategy.name"),
            (["strategy.image_size=1"], "did you mean 'preprocessing.image_size'?"),
            (["stratgy.epoch=1"], "did you mean 'strategy.epochs'?"),
            (["device=gpu"], "must be auto, cpu, mps, cuda or cuda:N; an NVIDIA GPU is called cuda"),
            (["strategy.pretrained=true", "architecture.weights=nothing.safetensors"], "there is no such file"),
            (["strategy.pretrained=true", "architecture.weights=nosuch"], "must be default, a .safetensors"),
            (["architecture.weights=latest/best"], "--set strategy.pretrained=true"),
            (["architecture.build=vislab.engine.models.lenett:build"], "no module named"),
            (["name=a\nb"], "one line of printable text"),
        ],
    )
    def test_what_does_not_fit_together(self, sets: list[str], message: str) -> None:
        found = problems(recipe="digits-lenet5", sets=sets)
        assert len(found) == 1, found
        assert message in found[0]

    def test_several_ways_of_naming_nothing(self) -> None:
        assert "did you mean 'digits-lenet5'" in problems(recipe="digits-lenet")[0]
        assert "did you mean 'resnet18'" in problems(dataset="digits", architecture="resnet19x")[0]
        assert "did you mean 'scratch'" in problems(dataset="digits", architecture="mlp", strategy="scrach")[0]
        assert "needs an architecture" in problems(dataset="digits")[0]
        assert len(problems()) == 2
        assert "name the function" in problems(dataset="mine.py", architecture="mlp")[0]

    def test_broken_files(self, user: Path) -> None:
        write(user / "presets/recipes/broken.toml", "[ours\n")
        write(user / "presets/recipes/strange.toml", "[our]\nseed = 1\n")
        write(user / "presets/recipes/twice.toml", "[ours]\nseed = 1\n[report]\nseed = 2\n")
        assert "broken.toml: cannot be read as TOML" in problems(recipe="broken")[0]
        assert "did you mean 'ours'?" in problems(recipe="strange")[0]
        assert "seed stands under two marks" in problems(recipe="twice")[0]

    def test_what_stands_at_the_top_of_a_recipe_by_mistake_is_read_as_it_was_meant(self, user: Path) -> None:
        file = write(
            user / "presets/recipes/top.toml", "datasett = 'digitz'\nseed = 'x'\n[set]\nstrategy.epochs = -1\n"
        )
        found = problems(recipe="top")
        assert len(found) == 6, found
        assert all(str(file) in problem for problem in found)
        text = "\n".join(found)
        for part in (
            "datasett = 'digitz': a recipe has the texts help, study, printed and the tables report, inferred, ours; "
            "'dataset' belongs in a table such as [ours], as dataset.name",
            "'digitz': there is no data set of this name; did you mean 'digits'?",
            "seed = 'x': a recipe has",
            "seed = 'x': must be a whole number",
            "set = {'strategy': {'epochs': -1}}: a recipe has",
            "strategy.epochs = -1: must be a whole number >= 1",
        ):
            assert part in text

    def test_a_file_name_that_is_not_utf8_is_told_once(self, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        latin = photos.rename(photos.with_name(os.fsdecode(b"caf\xe9")))
        (problem,) = problems(data=str(latin), architecture="lenet5")
        assert problem.startswith("command line: dataset.path = ") and "is not UTF-8: rename it, or give" in problem
        monkeypatch.chdir(latin)
        write(Path("mine.py"), OWN_NETWORK)
        (problem,) = problems(dataset="digits", architecture="mine.py:build")
        assert problem.startswith("command line: architecture.build = ") and "is not UTF-8" in problem
        write(Path("vislab.toml"), "[defaults]\nseed = 3\n")
        assert "seed = 3\n" in dump_spec(resolve(recipe="digits-lenet5")).encode().decode()

    def test_settings_that_cannot_be_read(self) -> None:
        write(Path("vislab.toml"), "runs = 3\ndefaults = 4\n")
        assert len(problems(recipe="digits-mlp")) == 2

    def test_settings_and_command_line_are_told_together(self) -> None:
        write(Path("vislab.toml"), "runs_dri = 'x'\n[defaults]\nstrategy.epohcs = 3\n")
        unknown, given, default = problems(recipe="digits-mlp", sets=["sed=1"])
        assert "unknown key 'runs_dri'; did you mean 'runs_dir'?" in unknown
        assert "did you mean 'strategy.epochs'?" in default
        assert "did you mean 'seed'?" in given


class TestSetOnTheCommandLine:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("strategy.augment=none", "none"),
            ("strategy.augment=horizontal_flip", ("horizontal_flip",)),
            ("strategy.augment=affine(degrees=5,shear=1), rotation", ("affine(degrees=5,shear=1)", "rotation")),
            ('strategy.augment=["rotation(degrees=15)"]', ("rotation(degrees=15)",)),
            ("preprocessing.mean=0.3", (0.3,)),
            ("preprocessing.std=[0.3]", (0.3,)),
            ("name=3", "3"),
            ("name=true", "true"),
            ('name="a = b"', "a = b"),
            ("strategy.learning_rate=1", 1.0),
            ("strategy.split=70/30", "70/30"),
            ("deterministic=true", True),
            ("strategy.optimizer_options.betas=[0.9, 0.95]", [0.9, 0.95]),
            ("strategy.optimizer_options={eps=1e-6}", {"eps": 1e-6}),
        ],
    )
    def test_a_value_is_read(self, text: str, value: object) -> None:
        spec = resolve(recipe="digits-lenet5", sets=[text])
        found: object = spec
        for part in text.partition("=")[0].split("."):
            found = found[part] if isinstance(found, dict) else getattr(found, part)
        assert found == value
        assert type(found) is type(value)

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        key=st.sampled_from([*keys.KEYS, "architecture.options.x", "x", "strategy", "."]) | st.text(max_size=20),
        value=st.text(max_size=40)
        | st.from_regex(r"-?[0-9]{1,30}(\.[0-9]{1,5})?", fullmatch=True)
        | st.sampled_from(
            ["inf", "nan", "[]", "{}", "[" * 2000, "1e999", "''", "\ud800", "a.py:b", "hf:", "x:y", "0/100"]
        ),
    )
    @example("strategy.split", "1e99/99")
    @example("dataset.path", "a" * 5000)
    @example("dataset.path", "\0")
    @example("dataset.name", "~nobody")
    @example("architecture.name", "~nobody/a.py:build")
    @example("architecture.build", "..:x")
    @example("architecture.build", "__main__:x")
    @example("strategy.augment", "f(" + "(" * 500)
    @example("strategy.augment", "rotation(degrees=" + "-" * 20000 + "1)")
    @example("strategy.epochs", "9" * 5000)
    @example("seed", "1\nname = 2")
    def test_whatever_is_written_gives_a_spec_or_a_resolve_error(self, key: str, value: str) -> None:
        try:
            spec = resolve(recipe="digits-lenet5", sets=[f"{key}={value}"])
        except ResolveError as error:
            assert error.problems
        else:
            assert msgspec.toml.decode(dump_spec(spec).encode(), type=Spec) == spec


def values_of(key: keys.Key) -> st.SearchStrategy:
    words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)
    option = words | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.booleans()
    if key.open:
        return st.dictionaries(words, option | st.lists(option.filter(lambda x: not isinstance(x, bool))), max_size=3)
    if isinstance(key.default, bool):
        return st.booleans()
    if isinstance(key.default, float):
        return st.floats(0.01, 0.99)
    if isinstance(key.default, str) and keys.allowed(key.type) == "a text":
        return words
    return st.just(key.default)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.fixed_dictionaries({key: values_of(entry) for key, entry in keys.KEYS.items()}))
def test_a_spec_survives_its_file(values: dict[str, object]) -> None:
    spec = msgspec.convert(keys.nest(values) | {"origins": dict.fromkeys(values, 'x = "y"')}, Spec)
    save_spec(spec, Path("spec.toml"))
    again = load_spec(Path("spec.toml"))
    assert again == spec
    assert math.copysign(1, again.strategy.learning_rate) == 1
    assert dump_spec(again) == dump_spec(spec)


def test_a_spec_file_that_is_none() -> None:
    write(Path("spec.toml"), "[strategy]\nepochs = 'many'\n")
    with pytest.raises(InputError, match=r"spec\.toml: .*epochs"):
        load_spec(Path("spec.toml"))


def test_resolving_imports_nothing_heavy() -> None:
    code = (
        "import sys; from vislab.presets.library import resolve; resolve(recipe='digits-lenet5');"
        "heavy = {'torch', 'numpy', 'timm', 'torchvision', 'textual', 'rich', 'vislab.engine'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)
