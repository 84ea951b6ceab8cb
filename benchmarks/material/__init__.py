"""What the benchmarks read and compare with: films, networks, and a peer's way of reading."""
