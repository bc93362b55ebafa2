$Env:CALLBACK_DATABASE = 'callbacks.db'
python receive_callbacks.py --port 8080
