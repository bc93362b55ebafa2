import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.*;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Element;

public class ListTypes {
    public static void main(String[] arguments) throws Exception {
        String url = System.getenv().getOrDefault("CONNECT_API_URL",
            "https://connect.clickatell.com");
        String token = System.getenv("CONNECT_API_TOKEN");
        if (token == null) stop("Set CONNECT_API_TOKEN.");
        boolean get = arguments.length > 0 && arguments[0].equals("GET");
        String data = "XML=" + URLEncoder.encode(
            "<clickatellsdk><action>get_list_callback</action></clickatellsdk>",
            StandardCharsets.UTF_8);

        byte[] body = null;
        try {
            var request = HttpRequest.newBuilder(
                URI.create(url + "/" + token + (get ? "?" + data : "")));
            request.timeout(Duration.ofSeconds(10));
            if (!get) {
                request.header("Content-Type", "application/x-www-form-urlencoded")
                    .POST(HttpRequest.BodyPublishers.ofString(data));
            }
            // This client doesn't follow redirects, which would send the token elsewhere.
            body = HttpClient.newHttpClient().send(request.build(),
                HttpResponse.BodyHandlers.ofByteArray()).body();
        } catch (IOException | IllegalArgumentException e) { // can contain the token
            stop("The call failed: check the URL, the network and TLS.");
        }
        Element root = parse(body);
        if (!text(root, "Result", 0).equals("Success")) {
            stop("Error " + text(root, "Error", 0) + ": " + text(root, "Description", 0));
        }
        int types = root.getElementsByTagName("callback_type").getLength();
        for (int i = 0; i < types; i++) {
            System.out.println(text(root, "callback_type_id", i) + " "
                + text(root, "callback_type", i));
        }
    }

    private static Element parse(byte[] body) throws Exception {
        var factory = DocumentBuilderFactory.newInstance();
        factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        var parser = factory.newDocumentBuilder();
        parser.setErrorHandler(null);
        try {
            return parser.parse(new ByteArrayInputStream(body)).getDocumentElement();
        } catch (org.xml.sax.SAXException e) {
            stop("The response isn't XML.");
            return null;
        }
    }

    private static String text(Element root, String name, int index) {
        var element = root.getElementsByTagName(name).item(index);
        return element == null ? "" : element.getTextContent().strip();
    }

    private static void stop(String message) {
        System.err.println(message);
        System.exit(1);
    }
}
