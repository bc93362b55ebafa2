python mock_server.py
