"""Run directories: the vocabulary of events, the fold over them, the store, control. Free of torch."""
