"""The optimizers of timm whose state comes back bit for bit after it was saved and restored; a test keeps the list."""

OPTIMIZERS: dict[str, str] = {
    "adamw": "torch.optim.AdamW, Adam with decoupled weight decay",
    "adam": "torch.optim.Adam, Adaptive Moment Estimation",
    "sgd": "torch.optim.SGD with Nesterov momentum",
    "momentum": "torch.optim.SGD with classical momentum",
}
"""Name to one line of help, as timm describes it."""
