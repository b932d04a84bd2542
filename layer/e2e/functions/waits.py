"""The sample function, whose start takes until the test lets it go on, and then reads once more."""

import os
import time

import app

print("the function waits in INIT", flush=True)
while not os.path.exists("begin"):
    time.sleep(0.005)
app.read_at_start()
handler = app.handler
