curl --silent --show-error --fail --max-time 10 \
  --user "$CALLBACK_USER:$CALLBACK_PASSWORD" \
  --header 'Content-Type: text/xml' --data-binary @callback.xml \
  "$CALLBACK_URL"
