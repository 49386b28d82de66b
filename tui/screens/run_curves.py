"""How a person looks at the curves of a run: inside epochs, smoothed, on a logarithmic axis, zoomed, in words."""

from dataclasses import replace
from functools import partial

from textual.app import ComposeResult
from textual.containers import Horizontal

from vislab.tui.screens.run_requests import RunRequests
from vislab.tui.views import curves
from vislab.tui.views.live import AT_REST
from vislab.tui.widgets import live_figure
from vislab.tui.widgets.curve_plot import CurvePlot
from vislab.tui.widgets.lines import Sentences
from vislab.tui.widgets.live_figure import Options

CHARTS: tuple[tuple[curves.Quantity, ...], ...] = (("loss", "accuracy"), ("loss",), ("accuracy",))


class RunCurves(RunRequests):
    """A screen that draws the curves of the run it watches.

    Attributes:
        options: how they are drawn.
    """

    def __init__(self) -> None:
        """As they are drawn while nobody has chosen."""
        super().__init__()
        self.options = Options()
        self._charts = CHARTS[0]
        self._epochs, self._axis = 0, (0.0, 0.0)  # that the curves were last told of

    def charts(self) -> ComposeResult:
        """Loss and accuracy beside each other, and the words in their place."""
        with Horizontal(id="charts"):
            yield CurvePlot(id="loss")
            yield CurvePlot(id="accuracy")
        yield Sentences(id="words")

    def show_curves(self, *, at_once: bool = False) -> None:
        """As the run was last seen.

        Of slow epochs each is drawn as it comes. What stands still is drawn at once, and so is an axis that has grown:
        the title tells its end.
        """
        look = self.seen
        if look is None:
            return
        state, options = look.state, self.options
        one_more = state.epochs_done == self._epochs + 1
        self._epochs = state.epochs_done
        grown = not options.last and self._axis != curves.x_range(state)
        self._axis = curves.x_range(state)
        for quantity in self._charts:
            self.query_one(f"#{quantity}", CurvePlot).draw(
                live_figure.seen(state, options),
                partial(live_figure.picture, state, quantity, options),
                title=partial(live_figure.title, state, quantity, options),
                at_once=at_once or grown or not look.alive or look.status in AT_REST,
                soon=one_more,
            )
        if self.query_one("#words").display:
            self.query_one("#words", Sentences).tell(curves.sentences(state))

    def action_along(self) -> None:
        """Inside epochs, or a point an epoch."""
        if self.seen is not None and not live_figure.inside_epochs(self.seen.state):
            self.say("No points inside epochs: this run logs its figures once an epoch")
        elif self.seen is not None:
            by_step = live_figure.along(self.seen.state, self.options) == "epoch"
            self._redraw(replace(self.options, along="step" if by_step else "epoch"))
            self.say("The training curve inside epochs, step by step" if by_step else "A point an epoch")

    def action_log_axis(self) -> None:
        """Logarithmic or linear."""
        self._redraw(replace(self.options, log_loss=not self.options.log_loss))
        self.say(f"The loss on a {'logarithmic' if self.options.log_loss else 'linear'} axis")

    def action_smooth(self) -> None:
        """Smoothed or raw."""
        self._redraw(replace(self.options, smooth=not self.options.smooth))
        smooth = f"{live_figure.SMOOTH} Smoothed, from {live_figure.MANY} points on; the raw curves dim behind"
        self.say(smooth if self.options.smooth else "The curves as they are, not smoothed")

    def action_zoom(self) -> None:
        """All epochs, or fewer and fewer of the last."""
        if self.seen is None:
            return
        state = self.seen.state
        hidden = curves.x_range(state) != curves.x_range(state, whole=True)
        zoom = curves.next_zoom(self.options.last, state.epochs_done, plan_hidden=hidden)
        self._redraw(replace(self.options, last=zoom))
        self.say(curves.zoom_words(zoom))

    def _redraw(self, options: Options) -> None:
        self.options = options
        self.show_curves(at_once=True)

    def action_charts(self) -> None:
        """Both, or one larger."""
        self._charts = CHARTS[(CHARTS.index(self._charts) + 1) % len(CHARTS)]
        for plot in self.query(CurvePlot):
            plot.display = plot.id in self._charts
        self.show_curves(at_once=True)

    def action_words(self) -> None:
        """Words in place of curves, and back."""
        words, charts = self.query_one("#words"), self.query_one("#charts")
        words.display, charts.display = charts.display, not charts.display
        self.show_curves(at_once=True)
