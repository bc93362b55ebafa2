$Env:CONNECT_API_USER = 'sampleuser'
$Env:CONNECT_API_PASSWORD = 'samplepass1'
