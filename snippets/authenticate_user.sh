curl --silent --show-error --max-time 10 \
  --data-urlencode "XML=<clickatellsdk>
  <action>authenticate_user</action>
  <user>$CONNECT_API_USER</user>
  <password>$CONNECT_API_PASSWORD</password>
</clickatellsdk>" \
  "${CONNECT_API_URL:-https://connect.clickatell.com}/$CONNECT_API_TOKEN"
