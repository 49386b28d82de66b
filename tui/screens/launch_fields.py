"""The launch screen's fields: what is written in one is judged, and taken when the field is left."""

from textual.events import DescendantFocus
from textual.widget import Widget

from vislab.tui.draft import Draft, problem_with
from vislab.tui.screens.run_launches import RunLaunches
from vislab.tui.views.text import plain
from vislab.tui.widgets.field import Field
from vislab.tui.widgets.field_row import FieldRow
from vislab.tui.widgets.hint_line import HintLine
from vislab.tui.widgets.parts import Parts
from vislab.tui.widgets.selection_panel import SelectionPanel


class LaunchFields(RunLaunches):
    """A screen with a row of fields, and a line of help on what has the focus."""

    def change(self, draft: Draft) -> None:
        """Take another selection."""
        raise NotImplementedError

    def on_field_written(self, event: Field.Written) -> None:
        """Judge a value while it is written; take it when it is done."""
        if event.done and event.field.writing and self._take(event.field):
            self.set_focus(event.field)
        else:
            self.hint()

    def lets_go(self, widget: Widget | None) -> bool:
        """Take what is written in the field that the focus leaves, as Enter does; what cannot be taken stays."""
        field = next((row.written for row in self.query(FieldRow)), None)  # no row before the screen is composed
        if field is None or field.writes_in(widget):
            return True
        if widget is None:  # nobody has left it: the terminal has lost the focus
            return False
        return self._take(field)

    def _take(self, field: Field) -> bool:
        """Take the value, or the change back where it is empty, and close the field; False where it is no value.

        A field in which nothing was written changes nothing.
        """
        if field.untouched:
            field.close()
            return True
        value = field.text
        if self._trouble(field):
            self.hint()
            return False
        field.close()
        if value:
            field.show(value, changed=True)  # not a moment later, when it is resolved
        self.change(self.draft.with_value(field.key, value) if value else self.draft.without_value(field.key))
        return True

    def _trouble(self, field: Field) -> str:
        return problem_with(self.draft, field.key, field.text, self.settings) if field.text else ""

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Explain what has the focus."""
        self.hint()

    def hint(self) -> None:
        """One line of help on what has the focus, or what is wrong with what is written there."""
        row, line = self.query_one(FieldRow), self.query_one(HintLine)
        if row.written is not None and (trouble := self._trouble(row.written)):
            line.tell(f"✖ {plain(trouble, 300)}", wrong=True)
        else:
            words = row.help(self.draft, self.settings) or self.query_one(SelectionPanel).help()
            line.tell(words or self.query_one(Parts).help())
