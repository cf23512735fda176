"""Where whole pieces of bytes are kept by name: a folder, an object store, or the database."""
