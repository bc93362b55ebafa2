python snippets/mock_server.py --help
