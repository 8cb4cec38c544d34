"""Runs a program on a terminal of its own and types what a person would.

argv[1] is JSON: {"command": [...], "typed": [[wait_for, keys], ...], "seconds": n}. Each text is waited for, after the one
before it, and answered with the keys. Prints JSON: what the terminal showed, and how the program ended.
"""

import json
import os
import pty
import select
import sys
import time

asked = json.loads(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(asked["command"][0], asked["command"])

shown, seen, typed = b"", 0, [(wait.encode(), keys.encode()) for wait, keys in asked["typed"]]
ends_at = time.monotonic() + asked["seconds"]
while time.monotonic() < ends_at:
    ready, _, _ = select.select([terminal], [], [], 0.1)
    if ready:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux says so when the other side is closed
            break
        if not part:
            break
        shown += part
    while typed and (at := shown.find(typed[0][0], seen)) >= 0:
        seen = at + len(typed[0][0])
        os.write(terminal, typed.pop(0)[1])
else:
    os.kill(pid, 9)
_, status = os.waitpid(pid, 0)
print(json.dumps({"shown": shown.decode(errors="replace"), "code": os.waitstatus_to_exitcode(status), "untyped": len(typed)}))
