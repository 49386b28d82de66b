"""Questions that need torch or a walk through data, answered by a process of their own.

`python -m vislab.engine.jobs` reads requests from stdin, one line of JSON each, `{"job": NAME, "id": ANY, …}`, and
answers each on stdout in order: lines `{"id": …, "progress": {"what": …, "done": …, "total": …}}`, then one line
`{"id": …, "result": {…}}` or `{"id": …, "error": "…", "kind": "input" | "failed" | "unexpected"}`. A job is a module
here with a function `answer(request, tell) -> result`.
"""
