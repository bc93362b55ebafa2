curl --silent --show-error --max-time 10 --get \
  --data-urlencode \
  'XML=<clickatellsdk><action>get_list_callback</action></clickatellsdk>' \
  "${CONNECT_API_URL:-https://connect.clickatell.com}/$CONNECT_API_TOKEN"
