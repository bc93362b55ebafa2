curl --silent --show-error --max-time 10 --request POST \
  "$CONNECT_API_URL/_mock/deliver"
