"""A page as a test reads it: the plots that it carries, and what they are called."""

import json
import re
from html import unescape
from typing import Any

from wavetank.storms.measure.record import RunRecord
from wavetank.storms.report.page import report_page
from wavetank.storms.report.results import results_of


def page_of(*runs: RunRecord) -> str:
    return report_page(results_of(runs), runs)


def plots_of(page: str) -> Any:  # noqa: ANN401 - it is JSON.
    """Return the document of plots that a page carries, as Bokeh writes it."""
    found = re.search(r"const docs_json = '(.*?)';", page)
    assert found is not None
    # Bokeh writes it for HTML inside of a literal of JavaScript.
    documents = json.loads(unescape(found[1].replace("\\\\", "\\")))
    (document,) = documents.values()
    return document


def titles(page: str) -> list[str]:
    return [root["attributes"]["title"]["attributes"]["text"] for root in plots_of(page)["roots"]]
