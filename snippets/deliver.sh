curl --silent --show-error --max-time 10 --data 'status=007' \
  "$CONNECT_API_URL/_mock/deliver"
