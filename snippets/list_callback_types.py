from connect_api import ConnectAPI

for callback_type in ConnectAPI.from_environment().list_callback_types():
    print(callback_type.id, callback_type.name)
