$Env:CALLBACK_URL = 'http://127.0.0.1:8080/callback'
$Env:CALLBACK_USER = 'sampleservice'
$Env:CALLBACK_PASSWORD = 'samplesecret'
