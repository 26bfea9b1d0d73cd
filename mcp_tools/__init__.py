"""The MCP server under the official tools: checked by inspector and conformance suite, packed as a bundle."""
