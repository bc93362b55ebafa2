Remove-Item Env:CONNECT_API_URL -ErrorAction SilentlyContinue
$Env:CONNECT_API_TOKEN = 'AUTHENTICATION_TOKEN'
