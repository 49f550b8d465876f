"""Programs that use the node's topics, to be read and copied. None imports the rest of ser_stream."""
