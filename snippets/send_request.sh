curl --silent --show-error --max-time 10 --get \
  --data-urlencode \
  'XML=<clickatellsdk><action>get_list_callback</action></clickatellsdk>' \
  'http://127.0.0.1:8000/xml/response.xml'
