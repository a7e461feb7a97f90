"""Flask application: everything people reach over HTTP."""
