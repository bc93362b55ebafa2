# /// script
# requires-python = ">=3.9"
# dependencies = ["flask", "lxml", "waitress"]
# ///
import os

from receive_callbacks import MessageStatus, read_statuses

last_id = 0  # in your program: the last id that you have processed
for callback in read_statuses(os.environ["CALLBACK_DATABASE"], after=last_id):
    known = isinstance(callback.status, MessageStatus)
    name = MessageStatus(callback.status).name if known else "not documented"
    print("message", callback.api_msg_id)
    print("status", callback.status, name)
    print("from", callback.sender, "to", callback.recipient)
    if callback.timestamp:
        print("at", callback.timestamp.isoformat())
    for problem in callback.problems:
        print("check:", problem)
    last_id = callback.id
