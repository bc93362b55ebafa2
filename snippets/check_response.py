import sys

from lxml import etree

parser = etree.XMLParser(resolve_entities=False, no_network=True)
schema = etree.XMLSchema(file="response.xsd")
answer = etree.parse("response.xml", parser)

try:
    schema.assertValid(answer)
except etree.DocumentInvalid as error:
    sys.exit(f"response.xml, {error}")
print("response.xml agrees with response.xsd")
