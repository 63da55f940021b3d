"""The networks: experts and gate, transformer, adapters, text encoders, autoencoder, parser; their files."""
