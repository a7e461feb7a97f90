"""What answers hold, as marshmallow schemas: for the OpenAPI document, and for the tests, which compare every answer.

Nothing is written by these: `web.answers` writes, exactly. A schema names all fields, so one that is missing, or there
without being named, fails a test. A module each for what belongs together; `web.answer_docs` puts them on views.
"""
