Invoke-WebRequest -OutFile connect_api.py 'http://127.0.0.1:8000/downloads/connect_api.py'
$Env:CONNECT_API_URL = 'http://127.0.0.1:8000/xml'
$Env:CONNECT_API_TOKEN = 'response.xml'
