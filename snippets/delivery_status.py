from receive_callbacks import MessageStatus, parse_fields

sample = {
    "apiMsgId": "996411ad91fa211e7d17bc873aa4a41d",
    "cliMsgId": "abc123",
    "timestamp": "1218008129",
    "to": "279995631564",
    "from": "27833001171",
    "charge": "0.300000",
    "status": "004",
}
received = parse_fields(sample)
known = isinstance(received.status, MessageStatus)
name = MessageStatus(received.status).name if known else "not documented"
print(received.status, name)
print(received.timestamp.isoformat())
print(repr(received.charge), "credits")
print("from", received.from_number, "to", received.to_number)
print("message", received.api_msg_id)
