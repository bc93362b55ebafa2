python snippets/mock_server.py --hostname connect.clickatell.com \
  --tls-port 443 --ca-file mock-ca.pem
