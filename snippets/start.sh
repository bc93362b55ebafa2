curl -fsSO http://127.0.0.1:8000/downloads/connect_api.py
export CONNECT_API_URL=http://127.0.0.1:8000/xml
export CONNECT_API_TOKEN=response.xml
