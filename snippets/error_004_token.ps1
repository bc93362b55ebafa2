$Env:CONNECT_API_TOKEN = 'error-004.xml'
