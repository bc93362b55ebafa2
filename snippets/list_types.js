const { XMLParser } = require("fast-xml-parser");

const url = process.env.CONNECT_API_URL ?? "https://connect.clickatell.com";
const token = process.env.CONNECT_API_TOKEN;
const method = process.argv[2] ?? "POST";
const document =
  "<clickatellsdk><action>get_list_callback</action></clickatellsdk>";

async function main() {
  const data = new URLSearchParams({ XML: document });
  const address = `${url}/${token}${method === "GET" ? `?${data}` : ""}`;
  const response = await fetch(address, {
    method,
    body: method === "POST" ? data : undefined,
    redirect: "manual", // a redirect would send the token elsewhere
    signal: AbortSignal.timeout(10_000),
  }).catch(() => {
    // the message of fetch can contain the URL with the token
    throw new Error("The call failed: check the URL, the network and TLS.");
  });
  const parser = new XMLParser({
    ignoreDeclaration: true,
    isArray: (name) => name === "Value",
    parseTagValue: false, // ids and codes are text: "007" isn't 7
  });
  const [root] = Object.values(parser.parse(await response.text(), true));
  if (root.Result !== "Success") {
    throw new Error(`Error ${root.Error}: ${root.Description}`);
  }
  for (const value of root.Values.Value ?? []) {
    console.log(value.callback_type_id, value.callback_type);
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
