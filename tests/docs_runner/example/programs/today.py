import os
import urllib.request

url = os.environ["WEATHER_URL"]
print(urllib.request.urlopen(f"{url}/today", timeout=10).read().decode(), end="")
