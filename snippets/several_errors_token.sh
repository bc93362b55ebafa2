export CONNECT_API_TOKEN=several-errors.xml
