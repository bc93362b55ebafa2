# /// script
# requires-python = ">=3.9"
# dependencies = ["lxml"]
# ///
import sys

from lxml import etree

# Don't load anything that the document refers to.
parser = etree.XMLParser(resolve_entities=False, no_network=True)
schema = etree.XMLSchema(file="response.xsd")
document = etree.parse("response.xml", parser)

try:
    schema.assertValid(document)
except etree.DocumentInvalid as error:
    sys.exit(f"response.xml isn't valid: {error}")
print("response.xml is valid")
