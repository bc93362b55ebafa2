python -c 'import sqlite3
for row in sqlite3.connect("callbacks.db").execute(
    "SELECT api_msg_id, status, charge FROM delivery_status"
):
    print(*row)'
