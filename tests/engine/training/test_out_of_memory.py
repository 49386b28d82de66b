"""Memory that runs out while training or evaluating: smaller micro-batches, the same batch."""

import pytest
import torch

from vislab.engine.training import judging
from vislab.engine.training.losses import Loss
from vislab.engine.training.memory import is_out_of_memory

STEPS = 6  # an epoch

ERRORS = {
    "cuda": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore lines."),
    "cpu": RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried…"),
    "host": RuntimeError("[enforce fail at CPUAllocator.cpp:64] DefaultCPUAllocator: not enough memory: you tried…"),
    "numpy": MemoryError(),
}
EVERYTHING = {
    "epochs": 2,
    "augment": ["random_crop(padding=2)"],
    "mixup": 0.4,
    "ema": 0.9,
    "class_weights": "balanced",
    "schedule": "cosine",
}


@pytest.fixture
def scarce(monkeypatch):
    """Memory that holds at most so many images in training: from a step on, or always. It runs out in the loss, when
    batch norm has counted already and earlier micro-batches have left their gradients."""

    def install(images, error=ERRORS["cuda"], after=0):
        real = Loss.__call__
        calls = []

        def short(self, logits, batch):
            calls.append(len(batch))
            if len(batch) > images and len(calls) > after:
                raise error
            return real(self, logits, batch)

        monkeypatch.setattr(Loss, "__call__", short)

    return install


def decision(run, what="micro-batch"):
    found = [decision for decision in run.state().decisions if decision.what == what]
    return found[0] if found else None


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_a_run_that_ran_out_of_memory_equals_one_of_that_micro_batch_from_the_start(
    make_run, train, trained, scarce, error
):
    expected = make_run(strategy=EVERYTHING | {"accumulate": 4})
    assert train(expected) == 0
    scarce(2, error)
    run = make_run(strategy=EVERYTHING)
    assert train(run) == 0, run.state().ended.reason
    found, wanted = trained(run), trained(expected)
    position = f"{2 * STEPS}/position"
    assert found.pop(position)["accumulate"] == 4 and wanted.pop(position)["accumulate"] == 0
    assert found == wanted
    assert decision(run).choice == "2" and decision(run).details == {"accumulate": 4, "step": 0}
    texts = [notice.text for notice in run.state().notices if notice.topic == "micro-batch"]
    assert len(texts) == 2 and all("batch normalisation" in text for text in texts)


def test_without_batch_norm_there_is_nothing_to_tell(make_run, train, scarce):
    scarce(4)
    run = make_run(architecture={"options": {"norm": False}})
    assert train(run) == 0
    assert decision(run).choice == "4"
    assert not [notice for notice in run.state().notices if notice.topic == "micro-batch"]


def test_the_smaller_micro_batch_is_kept_on_resume_from_the_same_update_on(
    make_run, train, trained, interrupt, scarce, monkeypatch
):
    keys = {"strategy": EVERYTHING, "checkpoint_every": "5steps"}
    whole, killed = make_run(**keys), make_run(**keys)
    scarce(4, after=STEPS + 2)  # memory runs out at update 9
    assert train(whole) == 0
    monkeypatch.undo()
    scarce(4, after=STEPS + 2)
    assert interrupt(killed, lambda phase, step, epoch, done: (phase, step) == ("training", 9), "kill") is None
    monkeypatch.undo()
    assert train(killed) == 0, "resumed from update 5, where memory is not scarce any more"
    assert decision(killed).details == {"accumulate": 2, "step": 8}
    assert trained(killed) == trained(whole)


@pytest.mark.parametrize(("norm", "size"), [(True, "2 images, which batch normalisation needs"), (False, "one image")])
def test_at_the_smallest_micro_batch_it_fails_with_a_remedy(make_run, train, scarce, norm, size):
    scarce(1 if norm else 0)
    run = make_run(architecture={"options": {"norm": norm}})
    assert train(run) == 1
    reason = run.state().ended.reason
    assert f"Out of memory with micro-batches of {size}: " in reason and "preprocessing.image_size" in reason
    assert reason.endswith("(CUDA out of memory. Tried to allocate 2.00 GiB.)")


def test_without_batch_norm_single_images_train(make_run, train, scarce):
    scarce(1)
    run = make_run(architecture={"options": {"norm": False}})
    assert train(run) == 0
    assert decision(run).choice == "1"


def test_memory_that_runs_out_at_the_end_loses_nothing(make_run, train, trained, monkeypatch):
    expected, run = make_run(), make_run()
    assert train(expected) == 0

    def refused(folder):
        raise RuntimeError("unable to mmap 44761516 bytes from file <weights.safetensors>: Cannot allocate memory (12)")

    with monkeypatch.context() as patch:
        patch.setattr(judging.checkpoint, "load", refused)
        assert train(run) == 1
    reason = run.state().ended.reason
    assert "while loading the best weights" in reason and f"vislab resume {run.id}" in reason
    assert "Unexpected" not in reason
    assert train(run) == 0
    assert trained(run) == trained(expected)


def test_single_images_that_cannot_be_evaluated_are_told_with_a_remedy(make_run, train, monkeypatch):
    def refused(*args, **keys):
        raise MemoryError

    monkeypatch.setattr(judging, "predict_logits", refused)
    run = make_run()
    assert train(run) == 1
    reason = run.state().ended.reason
    assert "while evaluating single images" in reason and "image_size" in reason


def test_evaluation_batches_shrink_too(make_run, train, trained, monkeypatch):
    expected, run = make_run(), make_run()
    assert train(expected) == 0
    real = judging.predict_logits

    def short(model, pixels, *, batch_size, **keys):
        if batch_size > 5:
            raise ERRORS["cpu"]
        return real(model, pixels, batch_size=batch_size, **keys)

    monkeypatch.setattr(judging, "predict_logits", short)
    assert train(run) == 0
    assert decision(run, "evaluation batch").choice == "4"
    assert [row.val_accuracy for row in run.state().epochs] == [row.val_accuracy for row in expected.state().epochs]
    sizes = []
    monkeypatch.setattr(
        judging,
        "predict_logits",
        lambda *args, batch_size, **keys: (sizes.append(batch_size), real(*args, batch_size=batch_size, **keys))[1],
    )
    assert train(run) == 0 and set(sizes) == {4}, "a resumed run does not try again"


def test_an_evaluation_of_one_image_that_does_not_fit_is_said(make_run, train, monkeypatch):
    def none(*args, **keys):
        raise ERRORS["numpy"]

    monkeypatch.setattr(judging, "predict_logits", none)
    run = make_run()
    assert train(run) == 1
    assert "Out of memory" in run.state().ended.reason


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError("memory")])
def test_other_errors_are_not_taken_for_it(make_run, train, scarce, error):
    assert not is_out_of_memory(error)
    scarce(0, error)
    run = make_run()
    assert train(run) == 1
    assert decision(run) is None and "Unexpected" in run.state().ended.reason


@pytest.mark.parametrize(
    "said",
    [
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "FIND was unable to find an engine to execute this computation",
        "GET was unable to find an engine to execute this computation",
    ],
)
def test_what_is_said_on_a_full_gpu_is_understood(said):
    assert is_out_of_memory(RuntimeError(said))


def test_what_torch_says_on_this_host_is_understood():
    with pytest.raises(RuntimeError) as refused:
        torch.empty(2**52, dtype=torch.uint8)
    assert is_out_of_memory(refused.value)
    with pytest.raises(MemoryError) as refused:
        bytearray(2**60)
    assert is_out_of_memory(refused.value)


def test_buffers_are_those_of_before_the_step(make_run, train, scarce):
    """num_batches_tracked counts every forward pass in training: none of a step that was begun in vain may stay."""
    from vislab.engine.runs import checkpoints
    from vislab.engine.training import checkpoint

    scarce(4)
    run = make_run(strategy={"epochs": 1})
    assert train(run) == 0
    tensors, _ = checkpoint.load(checkpoints.full(run.checkpoints)[0])
    tracked = [tensor for name, tensor in tensors["weights"].items() if name.endswith("num_batches_tracked")]
    # Five batches of eight in two halves each, one batch of two.
    assert [int(count) for count in tracked] == [11]


def test_micro_batches_asked_for_on_resume_count_from_there(make_run, train, settings, trained, interrupt):
    from vislab.engine import worker

    keys = {"strategy": {"epochs": 2}, "checkpoint_every": "3steps"}
    run = make_run(**keys)
    assert interrupt(run, lambda phase, step, epoch, done: (phase, step) == ("training", 4), "kill") is None
    assert worker.main(run.path, settings=settings, accumulate=4) == 0
    assert (decision(run).choice, decision(run).why) == ("2", "asked for on resume")
    position = trained(run)[f"{2 * STEPS}/position"]
    assert position["accumulate"] == 4
