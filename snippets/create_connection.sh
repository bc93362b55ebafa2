curl --silent --show-error --max-time 10 \
  --data-urlencode "XML=<clickatellsdk>
  <action>create_connection</action>
  <user>$CONNECT_API_USER</user>
  <password>$CONNECT_API_PASSWORD</password>
  <callback_url>$CALLBACK_URL</callback_url>
  <callback_type_id>0</callback_type_id>
  <callback_username>$CALLBACK_USER</callback_username>
  <callback_password>$CALLBACK_PASSWORD</callback_password>
</clickatellsdk>" \
  "${CONNECT_API_URL:-https://connect.clickatell.com}/$CONNECT_API_TOKEN"
