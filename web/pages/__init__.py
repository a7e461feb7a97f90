"""The pages for people: rendered here, from the same answers of the API that every client gets.

A page is a frame with cards; a card is a part of a page that can be asked for again by itself. What a card shows comes
from `inside.ask`, never from a query of its own, so a person sees what a program would see, and no more than their key
allows. `static` holds our own scripts and styles, `static/vendor` what `web/build.py` brought from npm.
"""

from web.pages.views import accepts_html, missing, pages

__all__ = ["accepts_html", "missing", "pages"]
