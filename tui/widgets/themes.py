"""The console's colours."""

from textual.theme import Theme

from vislab.tui.preferences import Preferences


def _theme(name: str, *, primary: str, success: str, warning: str, error: str) -> Theme:
    dark = "dark" in name
    return Theme(
        name=name,
        dark=dark,
        primary=primary,
        secondary=success,
        accent=primary,
        warning=warning,
        error=error,
        success=success,
        foreground="#d8dee4" if dark else "#1c2126",
        background="#101418" if dark else "#fbfbf9",
        surface="#161b20" if dark else "#f3f3f0",
        panel="#20272e" if dark else "#e4e6e6",
    )


THEMES = (
    # Okabe and Ito's colours, told apart by colour-blind eyes; darker ones on the light background.
    _theme("vislab-dark", primary="#56B4E9", success="#009E73", warning="#E69F00", error="#D55E00"),
    _theme("vislab-light", primary="#0072B2", success="#00795a", warning="#9a6a00", error="#b84a00"),
    # The usual red, green and yellow.
    _theme("vislab-dark-usual", primary="#61afef", success="#98c379", warning="#e5c07b", error="#f0525f"),
    _theme("vislab-light-usual", primary="#2563b0", success="#2f7d32", warning="#9a6a00", error="#c62828"),
)


def theme_name(preferences: Preferences) -> str:
    """The theme that somebody prefers."""
    return f"vislab-{preferences.background}{'' if preferences.colour_blind_safe else '-usual'}"
