"""``spoolctl review``: a local page on which people watch the farm, look through what it made, rate, pick and approve.

Guarantees: all that the page does goes through the library that the command line uses, and shows in the folder; whatever is read or
written lies in the spool. Nothing rests on this process: it may be killed at any time, and there may be several. It needs the extra
``review`` (FastAPI, Uvicorn), which nothing else of the project imports.
"""
