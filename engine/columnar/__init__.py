"""What a batch is made of: columns, texts, times, hashes, and indexes over them, in compiled loops."""
