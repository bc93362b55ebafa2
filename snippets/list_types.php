<?php
$url = getenv('CONNECT_API_URL') ?: 'https://connect.clickatell.com';
$token = getenv('CONNECT_API_TOKEN');
if (!$token) {
    fwrite(STDERR, "Set CONNECT_API_TOKEN.\n");
    exit(1);
}
$method = $argv[1] ?? 'POST';
$document = '<clickatellsdk><action>get_list_callback</action></clickatellsdk>';

$data = http_build_query(['XML' => $document]);
$options = ['method' => $method, 'timeout' => 10, 'ignore_errors' => true];
$options['follow_location'] = 0; // a redirect would send the token elsewhere
if ($method === 'POST') {
    $options['header'] = 'Content-Type: application/x-www-form-urlencoded';
    $options['content'] = $data;
}
$address = "$url/$token" . ($method === 'GET' ? "?$data" : '');
$context = stream_context_create(['http' => $options]);
$body = @file_get_contents($address, false, $context); // @: the warning has the token
if ($body === false) {
    fwrite(STDERR, "The call failed: check the URL, the network and TLS.\n");
    exit(1);
}
libxml_use_internal_errors(true);
$root = simplexml_load_string($body, options: LIBXML_NONET);
if ($root === false) {
    fwrite(STDERR, "The response isn't XML.\n");
    exit(1);
}
if ((string) $root->Result !== 'Success') {
    fwrite(STDERR, "Error $root->Error: $root->Description\n");
    exit(1);
}
foreach ($root->Values->Value as $value) {
    echo "$value->callback_type_id $value->callback_type\n";
}
