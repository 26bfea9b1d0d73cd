"""The second door: an MCP server. It calls use cases and tells of them in little; it approves nothing."""
