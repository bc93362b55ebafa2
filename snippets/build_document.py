from connect_api import build_request

print(build_request("get_list_callback").decode())
