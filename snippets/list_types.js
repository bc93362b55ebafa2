const { XMLParser } = require("fast-xml-parser");

const url = process.env.CONNECT_API_URL ?? "https://connect.clickatell.com";
const token = process.env.CONNECT_API_TOKEN;
const method = process.argv[2] ?? "POST";
const document =
  "<clickatellsdk><action>get_list_callback</action></clickatellsdk>";

function stop(message) {
  console.error(message);
  process.exit(1);
}

async function main() {
  if (!token) stop("Set CONNECT_API_TOKEN.");
  const data = new URLSearchParams({ XML: document });
  const address = `${url}/${token}${method === "GET" ? `?${data}` : ""}`;
  const parser = new XMLParser({
    ignoreDeclaration: true,
    isArray: (name) => name === "Value",
    parseTagValue: false, // ids and codes are text: "007" isn't 7
  });
  let text, root;
  try {
    const response = await fetch(address, {
      method,
      body: method === "POST" ? data : undefined,
      redirect: "manual", // a redirect would send the token elsewhere
      signal: AbortSignal.timeout(10_000),
    });
    text = await response.text();
  } catch {
    // the message of fetch can contain the URL with the token
    stop("The call failed: check the URL, the network and TLS.");
  }
  try {
    [root] = Object.values(parser.parse(text, true));
  } catch {
    stop("The response isn't XML.");
  }
  if (root.Result !== "Success") {
    stop(`Error ${root.Error}: ${root.Description}`);
  }
  for (const value of root.Values.Value ?? []) {
    console.log(value.callback_type_id, value.callback_type);
  }
}

main();
