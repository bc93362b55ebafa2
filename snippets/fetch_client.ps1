Invoke-WebRequest -OutFile connect_api.py 'http://127.0.0.1:8000/downloads/connect_api.py'
