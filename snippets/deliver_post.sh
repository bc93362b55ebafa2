curl --silent --show-error --fail --max-time 10 \
  --user "$CALLBACK_USER:$CALLBACK_PASSWORD" \
  --data-urlencode 'apiMsgId=996411ad91fa211e7d17bc873aa4a41d' \
  --data-urlencode 'cliMsgId=abc123' \
  --data-urlencode 'timestamp=1218008129' \
  --data-urlencode 'to=279995631564' \
  --data-urlencode 'from=27833001171' \
  --data-urlencode 'charge=0.300000' \
  --data-urlencode 'status=004' \
  "$CALLBACK_URL"
