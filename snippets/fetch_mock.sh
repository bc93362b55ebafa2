curl -fsSO http://127.0.0.1:8000/downloads/connect_api.py
curl -fsSO http://127.0.0.1:8000/downloads/mock_server.py
