export CALLBACK_URL=http://127.0.0.1:8080/callback
export CALLBACK_USER=sampleservice
export CALLBACK_PASSWORD=samplesecret
