python receive_callbacks.py --help
