"""Programs that use the node's topics and services."""
