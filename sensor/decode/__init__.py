"""Link, network, tunnel and transport headers, read in place."""
