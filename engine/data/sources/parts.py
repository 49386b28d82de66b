"""The names by which data sets call their parts."""

from vislab.engine.data.source import Role

ROLES = {
    "train": Role.TRAIN,
    "training": Role.TRAIN,
    "val": Role.VALIDATION,
    "valid": Role.VALIDATION,
    "validation": Role.VALIDATION,
    "dev": Role.VALIDATION,
    "test": Role.TEST,
    "testing": Role.TEST,
}


def role_of(name: str) -> Role | None:
    """The role of a part by its name, in any case; None for a name that is none of a part."""
    return ROLES.get(name.strip().lower())
