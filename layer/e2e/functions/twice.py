"""The sample function, which reads once more at its start."""

import app

app.read_at_start()
handler = app.handler
