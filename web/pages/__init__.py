"""The page for people. It holds no data itself: its script asks the API with the key that one types in."""

from flask import Blueprint, Response, send_from_directory

pages = Blueprint("pages", __name__, static_folder="static", static_url_path="/static")


@pages.get("/")
def overview() -> Response:
    """Serve the overview."""
    assert pages.static_folder is not None
    response = send_from_directory(pages.static_folder, "overview.html")
    response.headers["Cache-Control"] = "no-cache"
    return response
