"""Pure: records become estimates."""
