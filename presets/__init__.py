"""What can be trained: presets in TOML and the schema they are checked against. Free of torch."""
